/* The input where it is at least 0, else the product, in int16; each times a multiplier of its own, shifted, saturated.
 * Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_prelu_s16(const tg_prelu_s16_params *restrict p, const tg_i16 *input, const tg_i16 *product, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i];
    const int32_t value = x >= 0 ? tg_scaled(x, p->positive, p->shift) : tg_scaled(product[i], p->negative, p->shift);
    output[i] = tg_clamp_s16(value, INT16_MIN, INT16_MAX);
  }
}
