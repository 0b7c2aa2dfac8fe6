/* tg_matmul_f32: matrix products of two tensors, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MATMUL_F32_H
#define TG_MATMUL_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t batch; /* pairs of matrices, one after the other */
  uint16_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint16_t columns; /* columns */
} tg_matmul_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * lhs: read, float[batch * rows * depth]
 * rhs: read, float[batch * depth * columns]
 * output: written, float[batch * rows * columns]
 * No two arguments overlap.
 */
void tg_matmul_f32(const tg_matmul_f32_params *p, const tg_f32 *lhs, const tg_f32 *rhs, tg_f32 *output);

#endif
