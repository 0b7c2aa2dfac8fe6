/* tg_matmul_s16: matrix products of two tensors, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MATMUL_S16_H
#define TG_MATMUL_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t batch; /* pairs of matrices, one after the other */
  uint16_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint16_t columns; /* columns */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_matmul_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * lhs: read, int16_t[batch * rows * depth]
 * rhs: read, int16_t[batch * depth * columns]
 * output: written, int16_t[batch * rows * columns]
 * No two arguments overlap.
 */
void tg_matmul_s16(const tg_matmul_s16_params *p, const tg_i16 *lhs, const tg_i16 *rhs, tg_i16 *output);

#endif
