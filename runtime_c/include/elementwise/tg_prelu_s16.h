/* tg_prelu_s16: input, or another tensor where the input is negative, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_PRELU_S16_H
#define TG_PRELU_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int32_t positive; /* scales values that are not negative */
  int32_t negative; /* scales negative values */
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_prelu_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * product: read, int16_t[count]
 * output: written, int16_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_prelu_s16(const tg_prelu_s16_params *p, const tg_i16 *input, const tg_i16 *product, tg_i16 *output);

#endif
