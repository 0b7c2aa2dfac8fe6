/* Mean over windows, NHWC, in single precision: the taps inside the image added up row by row, from 0 on, times the
 * inverse of the window's area or of their number. A window without any gives 0. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* The sum of rows * columns elements, step apart, and skip more after each row. */
static float sum_of(const tg_f32 *first, int32_t rows, int32_t columns, int32_t step, int32_t skip) {
  float sum = 0.0f;
  int32_t i = 0;
  for (; rows > 0; rows--) {
    for (int32_t column = columns; column > 0; column--) {
      sum += first[i];
      i += step;
    }
    i += skip;
  }
  return sum;
}

void tg_avg_pool_f32(const tg_avg_pool_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
  const int32_t area = p->kernel_h * p->kernel_w;
  const float whole = 1.0f / (float)area;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t out_y = 0; out_y < p->out_h; out_y++) {
      const int32_t top = out_y * p->stride_h - p->pad_top;
      const int32_t y = tg_max(top, 0);
      const int32_t rows = tg_max(tg_min(top + p->kernel_h, p->in_h) - y, 0);
      for (int32_t out_x = 0; out_x < p->out_w; out_x++) {
        const int32_t left = out_x * p->stride_w - p->pad_left;
        const int32_t x = tg_max(left, 0);
        const int32_t columns = tg_max(tg_min(left + p->kernel_w, p->in_w) - x, 0);
        const int32_t taps = rows * columns;
        const tg_f32 *window = taps ? input + y * row + x * channels : input;
        const int32_t skip = row - columns * channels;
        const float inverse = p->count_pads || taps == area ? whole : 1.0f / (float)tg_max(taps, 1);
        for (int32_t channel = 0; channel < channels; channel++) {
          const float mean = sum_of(window + channel, rows, columns, channels, skip) * inverse;
          *output++ = mean == mean ? mean : tg_nan_f32();
        }
      }
    }
    input += p->in_h * row;
  }
}
