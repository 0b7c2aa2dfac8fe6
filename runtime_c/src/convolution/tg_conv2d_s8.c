/* 2-D convolution, any stride, padding, dilation and group. NHWC; filters [out_c][kernel_h][kernel_w][in_c / group].
 *
 * output = clamp(requantize(bias + sum of (input - in_offset) * (filter - filter_offset))), where taps outside the image
 * are left out. The compiler proves that no sum leaves 32 bits. */
#include "tg_kernels.h"
#include "tg_numerics.h"

static int32_t dot(const int8_t *x, const int8_t *w, int32_t count, int32_t x_offset, int32_t w_offset) {
  int32_t sum = 0;
  for (int32_t i = 0; i < count; i++) {
    sum += (x[i] - x_offset) * (w[i] - w_offset);
  }
  return sum;
}

/* The sum over one window. x: the group's first channel of the image; w: the filter of one output channel. */
static int32_t window_sum(const tg_conv2d_s8_params *p, const int8_t *x, const int8_t *w, int32_t top, int32_t left) {
  const int32_t channels = p->in_c / p->group;
  int32_t sum = 0;
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    const int32_t y = top + ky * p->dilation_h;
    if (y < 0 || y >= p->in_h) {
      continue;
    }
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      const int32_t column = left + kx * p->dilation_w;
      if (column >= 0 && column < p->in_w) {
        sum += dot(x + (y * p->in_w + column) * p->in_c, w + (ky * p->kernel_w + kx) * channels, channels, p->in_offset,
                   p->filter_offset);
      }
    }
  }
  return sum;
}

static int8_t *pixel(const tg_conv2d_s8_params *p, const int8_t *image, const int8_t *filter, const int32_t *bias,
                     int32_t top, int32_t left, int8_t *output) {
  const int32_t in_channels = p->in_c / p->group;
  const int32_t out_channels = p->out_c / p->group;
  const int32_t filter_size = p->kernel_h * p->kernel_w * in_channels;
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < out_channels; channel++) {
      const int32_t sum = *bias++ + window_sum(p, image + group * in_channels, filter, top, left);
      *output++ = tg_clamp_s8(tg_requantize(sum, &p->out), p->act_min, p->act_max);
      filter += filter_size;
    }
  }
  return output;
}

void tg_conv2d_s8(const tg_conv2d_s8_params *p, const int8_t *input, const int8_t *filter, const int32_t *bias,
                  int8_t *output) {
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        output = pixel(p, input, filter, bias, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left, output);
      }
    }
    input += (int32_t)p->in_h * p->in_w * p->in_c;
  }
}
