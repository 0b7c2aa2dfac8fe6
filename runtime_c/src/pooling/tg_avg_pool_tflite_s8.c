/* Mean over windows as LiteRT's reference kernels round it, NHWC: the sum of the stored integers over the number of taps
 * inside the image, ties away from zero, between act_min and act_max. */
#include "tg_kernels.h"
#include "tg_numerics.h"

static int32_t divide_rounded(int32_t x, int32_t divisor) {
  const int32_t half = divisor / 2;
  return (x > 0 ? x + half : x - half) / divisor;
}

void tg_avg_pool_tflite_s8(const tg_avg_pool_tflite_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t out_y = 0; out_y < p->out_h; out_y++) {
      const int32_t top = out_y * p->stride_h - p->pad_top;
      const int32_t first_y = tg_max(top, 0);
      const int32_t rows = tg_max(tg_min(top + p->kernel_h, p->in_h) - first_y, 0);
      for (int32_t out_x = 0; out_x < p->out_w; out_x++) {
        const int32_t left = out_x * p->stride_w - p->pad_left;
        const int32_t first_x = tg_max(left, 0);
        const int32_t columns = tg_max(tg_min(left + p->kernel_w, p->in_w) - first_x, 0);
        const int32_t taps = rows * columns;
        const int8_t *window = taps ? input + first_y * row + first_x * channels : input;
        for (int32_t channel = 0; channel < channels; channel++) {
          int32_t sum = 0;
          for (int32_t y = 0; y < rows; y++) {
            for (int32_t x = 0; x < columns; x++) {
              sum += window[y * row + x * channels + channel];
            }
          }
          *output++ = tg_clamp_s8(taps ? divide_rounded(sum, taps) : 0, p->act_min, p->act_max);
        }
      }
    }
    input += p->in_h * row;
  }
}
