/* 2-D convolution of int16 by int8, any stride, padding, dilation and group. NHWC; filters
 * [out_c][kernel_h][kernel_w][in_c / group].
 *
 * output = activation(scaled(bias + sum of input * filter)), each channel with its multiplier and shift in channels; taps
 * outside the image are left out. The compiler proves that no sum leaves 32 bits.
 *
 * TG_WIDE_SUMS: sums may leave 32 bits, but not 47; a bias is two words.
 * TG_TWICE: channels hold LiteRT's multipliers and shifts for sums of 32 bits, and it is rounded twice. */
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_wide.h"
#include "tg_window.h"

#define TG_WIDE_SUMS 0
#define TG_TWICE 0

#if TG_WIDE_SUMS
#define TG_SUM int64_t
#define TG_DOT tg_dot_wide_s16
#define TG_BIAS(words) tg_int64_of(words)
#define TG_BIAS_WORDS 2
#else
#define TG_SUM int32_t
#define TG_DOT tg_dot_s16
#define TG_BIAS(words) (*(words))
#define TG_BIAS_WORDS 1
#endif
#if TG_TWICE
#define TG_SCALED(sum, multiplier, shift) tg_scaled_twice(sum, multiplier, shift)
#else
#define TG_SCALED(sum, multiplier, shift) tg_scaled(sum, multiplier, shift)
#endif

static TG_SUM tg_conv2d_s16_window_sum(const tg_window *window, const tg_i16 *x, const int8_t *w) {
  TG_SUM sum = 0;
  if (window->rows <= 0) {
    return sum;
  }
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

static tg_i16 *tg_conv2d_s16_pixel(const tg_conv2d_s16_params *restrict p, const tg_conv_sizes *sizes,
                                   const tg_i16 *image, const int8_t *filter, const tg_i32 *bias,
                                   const tg_i32 *channels, int32_t top, int32_t left, tg_i16 *output) {
  const int32_t filter_size = sizes->kernel_h * sizes->kernel_w * sizes->channels;
  const tg_window window = tg_window_at(sizes, top, left);
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < sizes->out_channels; channel++) {
      const TG_SUM sum = TG_BIAS(bias) + tg_conv2d_s16_window_sum(&window, image, filter);
      const int32_t x = TG_SCALED(sum, channels[0], channels[1]);
      *output++ = tg_activate_s16(x, p->leaky, p->slope, p->slope_shift, p->act_min, p->act_max);
      channels += 2;
      bias += TG_BIAS_WORDS;
      filter += filter_size;
    }
    image += sizes->channels;
  }
  return output;
}

void tg_conv2d_s16(const tg_conv2d_s16_params *restrict p, const tg_i16 *input, const int8_t *filter,
                   const tg_i32 *bias, const tg_i32 *channels, tg_i16 *output) {
  const tg_conv_sizes sizes = {p->in_h,     p->in_w,       p->in_c,       p->in_c / p->group, p->kernel_h,
                               p->kernel_w, p->dilation_h, p->dilation_w, 0,                  p->out_c / p->group};
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        output = tg_conv2d_s16_pixel(p, &sizes, input, filter, bias, channels, y * p->stride_h - p->pad_top,
                                     x * p->stride_w - p->pad_left, output);
      }
    }
    input += sizes.in_h * sizes.in_w * sizes.in_c;
  }
}

#undef TG_WIDE_SUMS
#undef TG_TWICE
#undef TG_SCALED
#undef TG_SUM
#undef TG_DOT
#undef TG_BIAS
#undef TG_BIAS_WORDS
