/* Fully connected layer, int16 by int8. Input [rows][depth]; weights [units][depth].
 *
 * output = activation(scaled(bias + sum of input * weights)), each unit with its multiplier and shift in channels. The
 * compiler proves that no sum leaves 32 bits.
 *
 * TG_WIDE_SUMS: sums may leave 32 bits, but not 47; a bias is two words. */
#include "tg_kernels.h"
#include "tg_wide.h"

#define TG_WIDE_SUMS 0

void tg_fully_connected_s16(const tg_fully_connected_s16_params *restrict p, const tg_i16 *input, const int8_t *weights,
                            const tg_i32 *bias, const tg_i32 *channels, tg_i16 *output) {
  const int32_t depth = (int32_t)p->depth;
  for (uint32_t row = 0; row < p->rows; row++) {
    const int8_t *w = weights;
    for (uint32_t unit = 0; unit < p->units; unit++) {
#if TG_WIDE_SUMS
      const int64_t sum = tg_int64_of(bias + 2 * unit) + tg_dot_wide_s16(input, w, depth);
#else
      const int32_t sum = bias[unit] + tg_dot_s16(input, w, depth);
#endif
      const int32_t x = tg_scaled(sum, channels[2 * unit], channels[2 * unit + 1]);
      *output++ = tg_activate_s16(x, p->leaky, p->slope, p->slope_shift, p->act_min, p->act_max);
      w += depth;
    }
    input += depth;
  }
}

#undef TG_WIDE_SUMS
