/* 2-D convolution with a scale for each output channel, for cores that multiply two halfwords: four pixels and two
 * channels a step (see tg_dsp_tile.h); with pool, the maximum of each 2x2 block. No groups, no dilation.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0. */
#include "tg_dsp_layout.h"
#include "tg_dsp_tile.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

/* All channels of the four pixels that are laid out, of which count are wanted, or the maximum of all. */
static TG_APART void tg_conv2d_channelwise_dsp_s8_finish_tile(const tg_conv2d_channelwise_dsp_s8_params *p,
                                                              const tg_dsp_sizes *s, int32_t groups,
                                                              const int8_t *filter, const tg_i32 *bias,
                                                              const tg_i32 *channels, const tg_i32 *inputs,
                                                              int32_t count, int8_t *output) {
  const int32_t out_c = p->out_c;
  for (int32_t channel = 0; channel < out_c; channel += 2) {
    const int32_t both = tg_min(out_c - channel, 2);
    const int32_t offsets[2] = {-(channels[1] >> 16), both == 2 ? -(channels[3] >> 16) : 0};
    int32_t sums[8];
    tg_dsp_dot(s->columns, filter, groups, bias, offsets, inputs, sums);
    for (int32_t i = 0; i < both; i++) {
      const tg_i32 *sum = sums + 4 * i;
      const tg_requant out = {channels[0], p->out_offset, (uint8_t)(channels[1] & 0xFF),
                              (uint8_t)(channels[1] >> 8 & 0xFF)};
      const int32_t largest = tg_max(tg_max(sum[0], sum[1]), tg_max(sum[2], sum[3]));
      TG_COMPACT
      for (int32_t pixel = 0; pixel < count; pixel++) {
        const int32_t x = tg_epilogue_glow(p->pool ? largest : sum[pixel], &out);
        output[pixel * out_c] = tg_activate_s8(x, p->act_min, p->act_max, p->leaky, &p->negative);
      }
      output++;
      channels += 2;
    }
    filter += 8 * groups;
    bias += 2;
  }
}

void tg_conv2d_channelwise_dsp_s8(const tg_conv2d_channelwise_dsp_s8_params *p, const int8_t *input,
                                  const int8_t *filter, const tg_i32 *bias, const tg_i32 *channels, int8_t *output,
                                  tg_i32 *scratch) {
  const int32_t groups = TG_DSP_GROUPS_OF(p);
  const int32_t pool = p->pool ? 2 : 1;
  const int32_t step = p->pool ? 1 : 4;
  tg_u32 *columns = (tg_u32 *)scratch;
  const tg_dsp_sizes sizes = {p->in_h,     p->in_w,   p->in_c,
                              p->kernel_h, p->kernel_w, p->layout,
                              0x1010101u * (uint8_t)p->in_offset, columns, (int8_t *)(columns + 8 * groups),
                              TG_DSP_DIRECT(p)};
  for (int32_t image = 0; image < p->images; image++) {
    int32_t y = 0;
    int32_t x = 0;
    for (int32_t rest = p->out_h * p->out_w; rest > 0; rest -= step) {
      const int32_t count = tg_min(rest, step);
      int32_t inputs[4] = {0, 0, 0, 0};
      TG_COMPACT
      for (int32_t i = 0; i < 4; i++) {
        const int32_t top = (y * pool + (p->pool ? i >> 1 : 0)) * p->stride_h - p->pad_top;
        const int32_t left = (x * pool + (p->pool ? i & 1 : 0)) * p->stride_w - p->pad_left;
        if (p->pool || i < count) {
          inputs[i] = tg_dsp_lay_out(&sizes, input, top, left, i);
        }
        /* To the next pixel, or after the last of a block to the next block. */
        if ((!p->pool || i == 3) && ++x == p->out_w) {
          x = 0;
          y++;
        }
      }
      tg_conv2d_channelwise_dsp_s8_finish_tile(p, &sizes, groups, filter, bias, channels, inputs, count, output);
      output += count * p->out_c;
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}
