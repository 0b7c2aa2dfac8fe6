/* tg_gather_s8: copy of runs of bytes from places that tables name.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_GATHER_S8_H
#define TG_GATHER_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t blocks; /* blocks to read from */
  uint32_t rows; /* rows */
  uint32_t columns; /* columns */
  uint32_t run; /* bytes that are copied together */
  uint32_t block_stride; /* bytes from one block to the next */
} tg_gather_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t
 * row_offsets: read, int32_t
 * column_offsets: read, int32_t
 * output: written, int8_t[blocks * rows * columns * run]
 * No two arguments overlap.
 */
void tg_gather_s8(const tg_gather_s8_params *p, const int8_t *input, const tg_i32 *row_offsets,
                  const tg_i32 *column_offsets, int8_t *output);

#endif
