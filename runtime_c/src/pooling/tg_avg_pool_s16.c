/* Mean over windows in int16, NHWC: saturate(scaled(sum) [/ taps inside the image]). Taps outside the image add nothing.
 * The compiler proves that no sum leaves 32 bits. */
#include "tg_kernels.h"
#include "tg_mean_windows.h"
#include "tg_numerics.h"
#include "tg_wide.h"

/* x / divisor, 1 to 65535, ties away from zero; larger x count as 2^31 - 65536, as smaller ones do as its negative. */
static int32_t tg_avg_pool_s16_divide_rounded(int32_t x, int32_t divisor) {
  const int32_t bounded = tg_max(-(INT32_MAX - 65535), tg_min(x, INT32_MAX - 65535));
  const int32_t half = divisor >> 1;
  return (bounded < 0 ? bounded - half : bounded + half) / divisor;
}

static int32_t tg_avg_pool_s16_sum(const tg_i16 *input, tg_mean_window window, int32_t channel) {
  int32_t sum = 0;
  TG_MEAN_TAPS(window, channel, i) {
    sum += input[i];
  }
  return sum;
}

void tg_avg_pool_s16(const tg_avg_pool_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  tg_mean_window window;
  TG_MEAN_WINDOWS(p, input, window) {
    for (int32_t channel = 0; channel < p->channels; channel++) {
      const int32_t sum = tg_avg_pool_s16_sum(input, window, channel);
      int32_t value = tg_scaled(sum, p->multiplier, p->shift);
      if (p->divide) {
        value = window.taps ? tg_avg_pool_s16_divide_rounded(value, window.taps) : 0;
      }
      *output++ = tg_clamp_s16(value, INT16_MIN, INT16_MAX);
    }
  }
}
