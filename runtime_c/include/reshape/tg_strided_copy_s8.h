/* tg_strided_copy_s8: copy of runs of bytes at regular distances.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_STRIDED_COPY_S8_H
#define TG_STRIDED_COPY_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t dim0; /* dimension 0 of the output, 0 being the outermost */
  uint32_t dim1; /* dimension 1 of the output, 0 being the outermost */
  uint32_t dim2; /* dimension 2 of the output, 0 being the outermost */
  uint32_t run; /* bytes that are copied together */
  uint32_t in_offset; /* integer that stands for 0 in the input */
  int32_t in_stride0; /* bytes of the input from one step of dim0 to the next */
  int32_t in_stride1; /* bytes of the input from one step of dim1 to the next */
  int32_t in_stride2; /* bytes of the input from one step of dim2 to the next */
  uint32_t out_offset; /* integer that stands for 0 in the output */
  int32_t out_stride0; /* bytes of the output from one step of dim0 to the next */
  int32_t out_stride1; /* bytes of the output from one step of dim1 to the next */
  int32_t out_stride2; /* bytes of the output from one step of dim2 to the next */
} tg_strided_copy_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t
 * output: written, int8_t
 * No two arguments overlap.
 */
void tg_strided_copy_s8(const tg_strided_copy_s8_params *p, const int8_t *input, int8_t *output);

#endif
