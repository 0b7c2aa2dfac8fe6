/* tg_fully_connected_wide_s16: fully connected layer, int16 by int8, with sums of 64 bits.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_FULLY_CONNECTED_WIDE_S16_H
#define TG_FULLY_CONNECTED_WIDE_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint32_t units; /* output units: results of each row */
  int16_t act_min; /* least output: the activation's, or that of its type */
  int16_t act_max; /* largest output: the activation's, or that of its type */
  uint8_t leaky; /* 1: negative values have a slope of their own; 0: they have not */
  int32_t slope; /* multiplies negative values */
  uint8_t slope_shift; /* bits by which that product is shifted to the right */
} tg_fully_connected_wide_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[rows * depth]
 * weights: read, int8_t
 * bias: read, int32_t
 * channels: read, int32_t
 * output: written, int16_t[rows * units]
 * No two arguments overlap.
 */
void tg_fully_connected_wide_s16(const tg_fully_connected_wide_s16_params *p, const tg_i16 *input,
                                 const int8_t *weights, const tg_i32 *bias, const tg_i32 *channels, tg_i16 *output);

#endif
