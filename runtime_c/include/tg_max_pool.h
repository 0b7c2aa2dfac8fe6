/* Maximum over windows, NHWC. Only the taps of a window inside the image count.
 *
 * Kernels differ by the type of elements, tg_pool_element, by their parameters, tg_pool_params, and by what is larger:
 * TG_POOL_TAKES(x, largest), whether x takes the place of the largest so far. */
#ifndef TG_MAX_POOL_H
#define TG_MAX_POOL_H

#include "tg_numerics.h"

/* The first tap at or after 0 of a window that begins at begin. */
static int32_t first_inside(int32_t begin, int32_t dilation) {
  while (begin < 0) {
    begin += dilation;
  }
  return begin;
}

static void fill(tg_pool_element *output, int32_t count, tg_pool_element value) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = value;
  }
}

static void copy(tg_pool_element *output, const tg_pool_element *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = input[i];
  }
}

static void take_larger(tg_pool_element *output, const tg_pool_element *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    const tg_pool_element x = input[i];
    if (TG_POOL_TAKES(x, output[i])) {
      output[i] = x;
    }
  }
}

/* empty: what a window gives that has no tap inside. */
static inline void tg_max_pool(const tg_pool_params *p, const tg_pool_element *input, tg_pool_element *output,
                               tg_pool_element empty) {
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
            const tg_pool_element *pixel = input + y * row + x * channels;
            if (taps++) {
              take_larger(output, pixel, channels);
            } else {
              copy(output, pixel, channels);
            }
          }
        }
        if (!taps) {
          fill(output, channels, empty);
        }
        output += channels;
      }
    }
    input += p->in_h * row;
  }
}

#endif
