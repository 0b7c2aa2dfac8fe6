/* tg_leaky_relu_s8: slope for negative values, with a change of scale and offset.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LEAKY_RELU_S8_H
#define TG_LEAKY_RELU_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t in_offset; /* integer that stands for 0 in the input */
  tg_requant positive; /* scales values that are not negative */
  tg_requant negative; /* scales negative values */
} tg_leaky_relu_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_leaky_relu_s8(const tg_leaky_relu_s8_params *p, const int8_t *input, int8_t *output);

#endif
