/* 2-D convolution of int16 by int8, any stride, padding, dilation and group. NHWC; filters
 * [out_c][kernel_h][kernel_w][in_c / group].
 *
 * output = activation(scaled(bias + sum of input * filter)), each channel with its multiplier and shift in channels; taps
 * outside the image are left out.
 *
 * Kernels differ by their parameters, tg_conv_params, by the type of sums, tg_sum, with TG_DOT(x, w, count) that gives
 * one, and by biases: TG_BIAS(words) is a bias of TG_BIAS_WORDS words. */
#ifndef TG_CONVOLVE_S16_H
#define TG_CONVOLVE_S16_H

#include "tg_wide.h"
#include "tg_window_s16.h"

static tg_sum window_sum(const tg_window_s16 *window, const tg_i16 *x, const int8_t *w) {
  tg_sum sum = 0;
  int32_t x_row = window->x_first;
  int32_t w_row = window->w_first;
  for (int32_t row = 0; row < window->rows; row++) {
    const tg_i16 *x_run = x + x_row;
    const int8_t *w_run = w + w_row;
    for (int32_t run = 0; run < window->runs; run++) {
      sum += TG_DOT(x_run, w_run, window->run);
      x_run += window->x_run;
      w_run += window->run;
    }
    x_row += window->x_row;
    w_row += window->w_row;
  }
  return sum;
}

static tg_i16 *pixel(const tg_conv_params *restrict p, const tg_sizes_s16 *sizes, const tg_i16 *image,
                      const int8_t *filter, const tg_i32 *bias, const tg_i32 *channels, int32_t top, int32_t left,
                      tg_i16 *output) {
  const int32_t filter_size = sizes->kernel_h * sizes->kernel_w * sizes->channels;
  const int32_t out_channels = p->out_c / p->group;
  const tg_window_s16 window = tg_window_at_s16(sizes, top, left);
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < out_channels; channel++) {
      const tg_sum sum = TG_BIAS(bias) + window_sum(&window, image, filter);
      const int32_t x = tg_scaled(sum, channels[0], channels[1]);
      *output++ = tg_activate_s16(x, p->leaky, p->slope, p->slope_shift, p->act_min, p->act_max);
      channels += 2;
      bias += TG_BIAS_WORDS;
      filter += filter_size;
    }
    image += sizes->channels;
  }
  return output;
}

static inline void tg_convolve_s16(const tg_conv_params *restrict p, const tg_i16 *input, const int8_t *filter,
                                   const tg_i32 *bias, const tg_i32 *channels, tg_i16 *output) {
  const tg_sizes_s16 sizes = {p->in_h,     p->in_w,     p->in_c,       p->in_c / p->group,
                              p->kernel_h, p->kernel_w, p->dilation_h, p->dilation_w};
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        output = pixel(p, &sizes, input, filter, bias, channels, y * p->stride_h - p->pad_top,
                       x * p->stride_w - p->pad_left, output);
      }
    }
    input += sizes.in_h * sizes.in_w * sizes.in_c;
  }
}

#endif
