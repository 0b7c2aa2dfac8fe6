/* tg_matmul_s8: matrix products of two tensors.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MATMUL_S8_H
#define TG_MATMUL_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t batch; /* pairs of matrices, one after the other */
  uint16_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint16_t columns; /* columns */
  int16_t lhs_offset; /* integer that stands for 0 in the operand 'lhs' */
  int16_t rhs_offset; /* integer that stands for 0 in the operand 'rhs' */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_matmul_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * lhs: read, int8_t[batch * rows * depth]
 * rhs: read, int8_t[batch * depth * columns]
 * output: written, int8_t[batch * rows * columns]
 * No two arguments overlap.
 */
void tg_matmul_s8(const tg_matmul_s8_params *p, const int8_t *lhs, const int8_t *rhs, int8_t *output);

#endif
