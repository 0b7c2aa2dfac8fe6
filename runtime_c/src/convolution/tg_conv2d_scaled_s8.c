/* 2-D convolution of any geometry, with two words for each output channel that scale its sums. NHWC; filters
 * [out_c][kernel_h][kernel_w][in_c / group].
 *
 * output = clamp(scaled(bias + sum of (input - in_offset) * (filter - filter_offset)) + out_offset). rounding: 1 and 2, how
 * often a product with multiplier * 2^(shift - 31) is rounded, the words being multiplier and shift; 0: the first word is
 * a float, times which the sum, as a float, is rounded to nearest, ties to even. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_window.h"

/* x is brought between -2^20 and 2^20; the remainder is exact, so that ties are seen as such. */
static int32_t round_half_even(float x) {
  const float near = x > 1048576.0f ? 1048576.0f : x < -1048576.0f ? -1048576.0f : x;
  const int32_t truncated = (int32_t)near;
  const float rest = near - (float)truncated;
  const int32_t odd = truncated & 1;
  if (rest > 0.5f || (rest == 0.5f && odd)) {
    return truncated + 1;
  }
  return rest < -0.5f || (rest == -0.5f && odd) ? truncated - 1 : truncated;
}

static int32_t scaled(int32_t sum, const tg_i32 *channel, int32_t rounding) {
  if (rounding == 0) {
    tg_float_bits scale;
    scale.bits = (uint32_t)channel[0];
    const float product = (float)sum * scale.value;
    return round_half_even(product);
  }
  return rounding == 1 ? tg_scaled_once(sum, channel[0], channel[1]) : tg_scaled_twice(sum, channel[0], channel[1]);
}

static int8_t *pixel(const tg_conv2d_scaled_s8_params *p, const tg_conv_sizes *sizes, const int8_t *image,
                     const int8_t *filter, const tg_i32 *bias, const tg_i32 *channels, int32_t top, int32_t left,
                     int8_t *output) {
  const int32_t filter_size = sizes->kernel_h * sizes->kernel_w * sizes->channels;
  const tg_window window = tg_window_at(sizes, top, left);
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < sizes->out_channels; channel++) {
      const int32_t sum = *bias++ + tg_window_sum(&window, image, filter, sizes->in_offset, p->filter_offset);
      *output++ = tg_offset_s8(scaled(sum, channels, p->rounding), p->out_offset, p->act_min, p->act_max);
      filter += filter_size;
      channels += 2;
    }
    image += sizes->channels;
  }
  return output;
}

void tg_conv2d_scaled_s8(const tg_conv2d_scaled_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, const tg_i32 *channels, int8_t *output) {
  const tg_conv_sizes sizes = {p->in_h,     p->in_w,       p->in_c,       p->in_c / p->group, p->kernel_h,
                               p->kernel_w, p->dilation_h, p->dilation_w, p->in_offset, p->out_c / p->group};
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
