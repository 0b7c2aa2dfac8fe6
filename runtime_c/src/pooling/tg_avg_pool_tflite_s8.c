/* Mean over windows as LiteRT's reference kernels round it, NHWC: the sum of the stored integers over the number of taps
 * inside the image, ties away from zero, between act_min and act_max.
 *
 * TG_TIES_UP: ties upwards, which is away from zero for integers that are larger by 128. */
#include "tg_kernels.h"
#include "tg_mean_sums.h"
#include "tg_mean_windows.h"
#include "tg_numerics.h"
#include "tg_wide.h"

#define TG_ELEMENT int8_t
#define TG_CLAMPED tg_clamp_s8
#define TG_TIES_UP 0
#define TG_BYTES 1

static int32_t tg_avg_pool_tflite_s8_divide_rounded(int32_t x, int32_t divisor) {
  const int32_t half = divisor / 2;
#if TG_TIES_UP
  const int32_t raised = x + half;
  return raised >= 0 ? raised / divisor : -((divisor - 1 - raised) / divisor);
#else
  return (x > 0 ? x + half : x - half) / divisor;
#endif
}

#if TG_BYTES
#define TG_SUM(input, window, channel, channels, fours) tg_mean_sum(input, window, channel, channels, fours)
#else
#define TG_SUM(input, window, channel, channels, fours) \
  ((void)(fours), tg_avg_pool_tflite_s8_sum(input, *(window), channel))

static int32_t tg_avg_pool_tflite_s8_sum(const TG_ELEMENT *input, tg_mean_window window, int32_t channel) {
  int32_t sum = 0;
  TG_MEAN_TAPS(window, channel, i) {
    sum += input[i];
  }
  return sum;
}
#endif

void tg_avg_pool_tflite_s8(const tg_avg_pool_tflite_s8_params *p, const TG_ELEMENT *input, TG_ELEMENT *output) {
  tg_mean_window window;
  tg_i32 fours[4] = {0, 0, 0, 0};
  TG_MEAN_WINDOWS(p, input, window) {
    for (int32_t channel = 0; channel < p->channels; channel++) {
      const int32_t sum = TG_SUM(input, &window, channel, p->channels, fours);
      const int32_t mean = window.taps ? tg_avg_pool_tflite_s8_divide_rounded(sum, window.taps) : 0;
      *output++ = TG_CLAMPED(mean, p->act_min, p->act_max);
    }
  }
}

#undef TG_ELEMENT
#undef TG_CLAMPED
#undef TG_TIES_UP
#undef TG_BYTES
#undef TG_SUM
