/* 2-D convolution whose filters have their own scale and offset for each output channel; else as tg_conv2d_s8.
 *
 * channels: two words a channel: the multiplier; pre + (post << 8) + (filter_offset << 16). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_window.h"

static int8_t *pixel(const tg_conv2d_channelwise_s8_params *p, const tg_conv_sizes *sizes, const int8_t *image,
                     const int8_t *filter, const tg_i32 *bias, const tg_i32 *channels, int32_t top, int32_t left,
                     int8_t *output) {
  const int32_t filter_size = sizes->kernel_h * sizes->kernel_w * sizes->channels;
  const tg_window window = tg_window_at(sizes, top, left);
  for (int32_t group = 0; group < p->group; group++) {
    for (int32_t channel = 0; channel < sizes->out_channels; channel++) {
      const tg_requant out = {channels[0], p->out_offset, (uint8_t)(channels[1] & 0xff),
                              (uint8_t)((channels[1] >> 8) & 0xff)};
      const int32_t sum = *bias++ + tg_window_sum(&window, image, filter, sizes->in_offset, channels[1] >> 16);
      *output++ = tg_activate_s8(tg_epilogue(sum, &out), p->act_min, p->act_max, p->leaky, &p->negative);
      filter += filter_size;
      channels += 2;
    }
    image += sizes->channels;
  }
  return output;
}

void tg_conv2d_channelwise_s8(const tg_conv2d_channelwise_s8_params *p, const int8_t *input, const int8_t *filter,
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
