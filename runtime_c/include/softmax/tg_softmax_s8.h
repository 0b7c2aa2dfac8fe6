/* tg_softmax_s8: softmax of rows.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SOFTMAX_S8_H
#define TG_SOFTMAX_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t rows; /* rows */
  uint16_t columns; /* columns */
  uint32_t inverse_scale; /* 1 / output scale, unsigned fixed point */
  uint8_t inverse_bits; /* bits of it before the point */
  uint8_t sum_bits; /* bits before the point of the sum of a row's exponentials */
  int8_t out_offset; /* integer that stands for 0 in the output */
  uint8_t zeros; /* zeros that the table lacks at its start */
} tg_softmax_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * columns]
 * table: read, int32_t
 * output: written, int8_t[rows * columns]
 * output may be input itself. Nothing else overlaps.
 */
void tg_softmax_s8(const tg_softmax_s8_params *p, const int8_t *input, const tg_i32 *table, int8_t *output);

#endif
