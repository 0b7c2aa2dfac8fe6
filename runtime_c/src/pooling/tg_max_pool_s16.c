/* Maximum over windows in int16, NHWC. Only the taps of a window inside the image count; one without any gives 0. */
#include "tg_kernels.h"
#include "tg_numerics.h"

/* The first tap at or behind 0 of a window that begins at begin. */
static int32_t first_inside(int32_t begin, int32_t dilation) {
  while (begin < 0) {
    begin += dilation;
  }
  return begin;
}

static void fill(int16_t *output, int32_t count, int16_t value) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = value;
  }
}

static void copy(int16_t *output, const int16_t *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = input[i];
  }
}

static void take_larger(int16_t *output, const int16_t *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    if (input[i] > output[i]) {
      output[i] = input[i];
    }
  }
}

void tg_max_pool_s16(const tg_max_pool_s16_params *p, const int16_t *input, int16_t *output) {
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
  const int32_t height = (p->kernel_h - 1) * p->dilation_h + 1;
  const int32_t width = (p->kernel_w - 1) * p->dilation_w + 1;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t out_y = 0; out_y < p->out_h; out_y++) {
      const int32_t top = out_y * p->stride_h - p->pad_top;
      const int32_t y_begin = first_inside(top, p->dilation_h);
      const int32_t y_end = tg_min(top + height, p->in_h);
      for (int32_t out_x = 0; out_x < p->out_w; out_x++) {
        const int32_t left = out_x * p->stride_w - p->pad_left;
        const int32_t x_begin = first_inside(left, p->dilation_w);
        const int32_t x_end = tg_min(left + width, p->in_w);
        int32_t taps = 0;
        for (int32_t y = y_begin; y < y_end; y += p->dilation_h) {
          for (int32_t x = x_begin; x < x_end; x += p->dilation_w) {
            const int16_t *pixel = input + y * row + x * channels;
            if (taps++) {
              take_larger(output, pixel, channels);
            } else {
              copy(output, pixel, channels);
            }
          }
        }
        if (!taps) {
          fill(output, channels, 0);
        }
        output += channels;
      }
    }
    input += p->in_h * row;
  }
}
