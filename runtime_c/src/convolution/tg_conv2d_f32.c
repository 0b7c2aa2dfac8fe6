/* 2-D convolution in single precision, any stride, padding, dilation and group. NHWC; filters
 * [out_c][kernel_h][kernel_w][in_c / group].
 *
 * output = activation(bias + input * filter + input * filter ...), one product after the other, the window's rows
 * outermost and the channels innermost; taps outside the image are left out. activation 0: none; 1: between low and high;
 * 2: negative values times slope. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_window.h"

/* sum + the products of a window. x: the group's first channel of the image; w: the filter of one output channel. */
static float tg_conv2d_f32_window_sum(const tg_window *window, const tg_f32 *x, const tg_f32 *w, float sum) {
  if (window->rows <= 0) {
    return sum;
  }
  int32_t x_row = window->x_first;
  int32_t w_row = window->w_first;
  for (int32_t row = 0; row < window->rows; row++) {
    const tg_f32 *x_run = x + x_row;
    const tg_f32 *w_run = w + w_row;
    for (int32_t run = 0; run < window->runs; run++) {
      for (int32_t i = 0; i < window->run; i++) {
        sum += x_run[i] * w_run[i];
      }
      x_run += window->x_run;
      w_run += window->run;
    }
    x_row += window->x_row;
    w_row += window->w_row;
  }
  return sum;
}

static float tg_conv2d_f32_activate(const tg_conv2d_f32_params *restrict p, float x) {
  if (p->activation == 1) {
    x = x < p->low ? p->low : x > p->high ? p->high : x;
  } else if (p->activation == 2 && x < 0.0f) {
    x *= p->slope;
  }
  return tg_one_nan_f32(x);
}

static tg_f32 *tg_conv2d_f32_pixel(const tg_conv2d_f32_params *restrict p, const tg_conv_sizes *sizes,
                                   const tg_f32 *image, const tg_f32 *filter, const tg_f32 *bias, int32_t top,
                                   int32_t left, tg_f32 *output) {
  const int32_t filter_size = sizes->kernel_h * sizes->kernel_w * sizes->channels;
  const tg_window window = tg_window_at(sizes, top, left);
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < sizes->out_channels; channel++) {
      *output++ = tg_conv2d_f32_activate(p, tg_conv2d_f32_window_sum(&window, image, filter, *bias++));
      filter += filter_size;
    }
    image += sizes->channels;
  }
  return output;
}

void tg_conv2d_f32(const tg_conv2d_f32_params *restrict p, const tg_f32 *input, const tg_f32 *filter,
                   const tg_f32 *bias, tg_f32 *output) {
  const tg_conv_sizes sizes = {p->in_h,     p->in_w,       p->in_c,       p->in_c / p->group, p->kernel_h,
                               p->kernel_w, p->dilation_h, p->dilation_w, 0,                  p->out_c / p->group};
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        output = tg_conv2d_f32_pixel(p, &sizes, input, filter, bias, y * p->stride_h - p->pad_top,
                                     x * p->stride_w - p->pad_left, output);
      }
    }
    input += sizes.in_h * sizes.in_w * sizes.in_c;
  }
}
