/* Mean over windows in int16, NHWC: saturate(scaled(sum) [/ taps inside the image]). Taps outside the image add nothing.
 * The compiler proves that no sum leaves 32 bits. */
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_wide.h"

/* x / divisor, 1 to 65535, ties away from zero; larger x count as 2^31 - 65536, as smaller ones do as its negative. */
static int32_t divide_rounded(int32_t x, int32_t divisor) {
  const int32_t bounded = tg_max(-(INT32_MAX - 65535), tg_min(x, INT32_MAX - 65535));
  const int32_t half = divisor >> 1;
  return (bounded < 0 ? bounded - half : bounded + half) / divisor;
}

/* The sum of rows * columns elements, step apart, and skip more after each row. */
static int32_t sum_of(const tg_i16 *first, int32_t rows, int32_t columns, int32_t step, int32_t skip) {
  int32_t sum = 0;
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

void tg_avg_pool_s16(const tg_avg_pool_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
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
        const tg_i16 *window = taps ? input + y * row + x * channels : input;
        const int32_t skip = row - columns * channels;
        for (int32_t channel = 0; channel < channels; channel++) {
          const int32_t sum = taps ? sum_of(window + channel, rows, columns, channels, skip) : 0;
          int32_t value = tg_scaled(sum, p->multiplier, p->shift);
          if (p->divide) {
            value = taps ? divide_rounded(value, taps) : 0;
          }
          *output++ = tg_clamp_s16(value, INT16_MIN, INT16_MAX);
        }
      }
    }
    input += p->in_h * row;
  }
}
