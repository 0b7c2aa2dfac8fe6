/* Mean over windows, NHWC: saturate(requantize(sum of (input - in_offset)) [/ taps inside the image] + out_offset).
 * Taps outside the image add nothing. The compiler proves that no sum leaves 32 bits. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* x / divisor, ties away from zero; the addition may wrap as it does in Glow. */
static int32_t divide_rounded(int32_t x, int32_t divisor) {
  const uint32_t half = (uint32_t)divisor >> 1;
  return (int32_t)(x > 0 ? (uint32_t)x + half : (uint32_t)x - half) / divisor;
}

/* The sum of rows * columns elements, step apart, and skip more after each row. */
static int32_t sum_of(const int8_t *first, int32_t rows, int32_t columns, int32_t step, int32_t skip) {
  int32_t sum = 0;
  int32_t i = 0;
  for (; rows > 0; rows--) {
    TG_COMPACT
    for (int32_t column = columns; column > 0; column--) {
      sum += first[i];
      i += step;
    }
    i += skip;
  }
  return sum;
}

TG_SMALL
void tg_avg_pool_s8(const tg_avg_pool_s8_params *p, const int8_t *input, int8_t *output) {
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
        const int8_t *window = taps ? input + y * row + x * channels : input;
        const int32_t skip = row - columns * channels;
        /* Whole rows follow one another as one. */
        const int32_t lines = skip ? rows : 1;
        const int32_t length = skip ? columns : taps;
        for (int32_t channel = 0; channel < channels; channel++) {
          const int32_t sum = sum_of(window + channel, lines, length, channels, skip) - taps * p->in_offset;
          int32_t value = tg_requantize(sum, &p->out);
          if (p->divide) {
            value = taps ? divide_rounded(value, taps) : 0;
          }
          *output++ = tg_clamp_s8((int32_t)((uint32_t)value + (uint32_t)p->out_offset), INT8_MIN, INT8_MAX);
        }
      }
    }
    input += p->in_h * row;
  }
}
