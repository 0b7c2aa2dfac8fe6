/* tg_fully_connected_f32: fully connected layer, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_FULLY_CONNECTED_F32_H
#define TG_FULLY_CONNECTED_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint32_t units; /* output units: results of each row */
} tg_fully_connected_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[rows * depth]
 * weights: read, float
 * bias: read, float
 * output: written, float[rows * units]
 * No two arguments overlap.
 */
void tg_fully_connected_f32(const tg_fully_connected_f32_params *p, const tg_f32 *input, const tg_f32 *weights,
                            const tg_f32 *bias, tg_f32 *output);

#endif
