/* tg_transpose_s8: permutation of up to six dimensions.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_TRANSPOSE_S8_H
#define TG_TRANSPOSE_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t dim0; /* dimension 0 of the output, 0 being the outermost */
  uint32_t dim1; /* dimension 1 of the output, 0 being the outermost */
  uint32_t dim2; /* dimension 2 of the output, 0 being the outermost */
  uint32_t dim3; /* dimension 3 of the output, 0 being the outermost */
  uint32_t dim4; /* dimension 4 of the output, 0 being the outermost */
  uint32_t dim5; /* dimension 5 of the output, 0 being the outermost */
  uint32_t stride0; /* bytes of the input from one step of dim0 to the next */
  uint32_t stride1; /* bytes of the input from one step of dim1 to the next */
  uint32_t stride2; /* bytes of the input from one step of dim2 to the next */
  uint32_t stride3; /* bytes of the input from one step of dim3 to the next */
  uint32_t stride4; /* bytes of the input from one step of dim4 to the next */
  uint32_t stride5; /* bytes of the input from one step of dim5 to the next */
} tg_transpose_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t
 * output: written, int8_t[dim0 * dim1 * dim2 * dim3 * dim4 * dim5]
 * No two arguments overlap.
 */
void tg_transpose_s8(const tg_transpose_s8_params *p, const int8_t *input, int8_t *output);

#endif
