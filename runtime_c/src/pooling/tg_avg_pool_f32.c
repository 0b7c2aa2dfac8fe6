/* Mean over windows, NHWC, in single precision: the taps inside the image added up row by row, from 0 on, times the
 * inverse of the window's area or of their number. A window without any gives 0. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_mean_windows.h"
#include "tg_numerics.h"

static float tg_avg_pool_f32_sum(const tg_f32 *input, tg_mean_window window, int32_t channel) {
  float sum = 0.0f;
  TG_MEAN_TAPS(window, channel, i) {
    sum += input[i];
  }
  return sum;
}

void tg_avg_pool_f32(const tg_avg_pool_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  tg_mean_window window;
  TG_MEAN_WINDOWS(p, input, window) {
    const float inverse = 1.0f / (float)(p->count_pads ? p->kernel_h * p->kernel_w : tg_max(window.taps, 1));
    for (int32_t channel = 0; channel < p->channels; channel++) {
      const float sum = tg_avg_pool_f32_sum(input, window, channel);
      *output++ = tg_one_nan_f32(sum * inverse);
    }
  }
}
