/* tg_rescale_s16: change of scale, with or without bounds and a slope for negative values, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESCALE_S16_H
#define TG_RESCALE_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int32_t positive; /* scales values that are not negative */
  int32_t negative; /* scales negative values */
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
  int16_t low; /* least value */
  int16_t high; /* largest value */
} tg_rescale_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * output: written, int16_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_rescale_s16(const tg_rescale_s16_params *p, const tg_i16 *input, tg_i16 *output);

#endif
