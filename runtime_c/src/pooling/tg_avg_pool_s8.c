/* Mean over windows, NHWC: saturate(requantize(sum of (input - in_offset)) [/ taps inside the image] + out_offset).
 * Taps outside the image add nothing. The compiler proves that no sum leaves 32 bits. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_mean_sums.h"
#include "tg_mean_windows.h"
#include "tg_numerics.h"

/* x / divisor, ties away from zero; the addition may wrap as it does in Glow. */
static int32_t tg_avg_pool_s8_divide_rounded(int32_t x, int32_t divisor) {
  const uint32_t half = (uint32_t)divisor >> 1;
  return (int32_t)(x > 0 ? (uint32_t)x + half : (uint32_t)x - half) / divisor;
}

TG_SMALL
void tg_avg_pool_s8(const tg_avg_pool_s8_params *p, const int8_t *input, int8_t *output) {
  tg_mean_window window;
  tg_i32 fours[4] = {0, 0, 0, 0};
  TG_MEAN_WINDOWS(p, input, window) {
    for (int32_t channel = 0; channel < p->channels; channel++) {
      const int32_t sum = tg_mean_sum(input, &window, channel, p->channels, fours);
      int32_t value = tg_requantize(sum - window.taps * p->in_offset, &p->out);
      if (p->divide) {
        value = window.taps ? tg_avg_pool_s8_divide_rounded(value, window.taps) : 0;
      }
      *output++ = tg_clamp_s8((int32_t)((uint32_t)value + (uint32_t)p->out_offset), INT8_MIN, INT8_MAX);
    }
  }
}
