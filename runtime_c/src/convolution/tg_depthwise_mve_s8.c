/* Depthwise convolution for cores with vectors: eight channels at once. NHWC; filters [kernel_h][kernel_w][channels].
 *
 * output = activation(requantize(bias + sum of (input - in_offset) * (filter - filter_offset))), where taps outside the
 * image are left out.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, two words in channels: the multiplier; pre + (post << 8). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_mve.h"
#include "tg_window.h"

#define TG_PER_CHANNEL 0

/* bias + the products of count <= 8 channels; x and w: those of the first, at the window's first tap inside of the image. Of
 * a vector of eight products one instruction takes the even ones, and another the odd ones. */
static void tg_depthwise_mve_s8_sums(const tg_depthwise_mve_s8_params *p, const tg_window *window, const int8_t *x,
                                     const int8_t *w, const tg_i32 *bias, int32_t count, tg_i32 *sums) {
  const int32_t channels = p->in_c;
  const int32_t x_row = (p->in_w - window->runs) * channels;
  const int32_t w_row = (p->kernel_w - window->runs) * channels;
#if TG_HAS_MVE
  const mve_pred16_t inside = vctp16q((uint32_t)count);
  const int16_t x_offset = (int16_t)-p->in_offset;
  const int16_t w_offset = (int16_t)-p->filter_offset;
  int32x4x2_t sum = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
  for (int32_t row = window->rows; row > 0; row--) {
    for (int32_t tap = window->runs; tap > 0; tap--) {
      const int16x8_t image = vaddq_n_s16(vldrbq_z_s16(x, inside), x_offset);
      const int16x8_t filter = vaddq_n_s16(vldrbq_z_s16(w, inside), w_offset);
      sum.val[0] = vaddq_s32(sum.val[0], vmullbq_int_s16(image, filter));
      sum.val[1] = vaddq_s32(sum.val[1], vmulltq_int_s16(image, filter));
      x += channels;
      w += channels;
    }
    x += x_row;
    w += w_row;
  }
  vst2q_s32(sums, sum);
  for (int32_t i = 0; i < count; i++) {
    sums[i] += bias[i];
  }
#else
  for (int32_t i = 0; i < count; i++) {
    sums[i] = bias[i];
  }
  for (int32_t row = window->rows; row > 0; row--) {
    for (int32_t tap = window->runs; tap > 0; tap--) {
      for (int32_t i = 0; i < count; i++) {
        sums[i] += (x[i] - p->in_offset) * (w[i] - p->filter_offset);
      }
      x += channels;
      w += channels;
    }
    x += x_row;
    w += w_row;
  }
#endif
}

#if TG_PER_CHANNEL
void tg_depthwise_mve_s8(const tg_depthwise_mve_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, const tg_i32 *channels, int8_t *output) {
#else
void tg_depthwise_mve_s8(const tg_depthwise_mve_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, int8_t *output) {
#endif
  const tg_conv_sizes sizes = {p->in_h, p->in_w, p->in_c, 1, p->kernel_h, p->kernel_w, 1, 1, p->in_offset, p->out_c};
  const int32_t in_c = p->in_c;
  const int32_t act_min = p->act_min;
  const int32_t act_max = p->act_max;
#if !TG_PER_CHANNEL
  const tg_requant out = p->out;
#endif
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        tg_window window = tg_window_at(&sizes, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left);
        /* Taps take the place of runs, also where there is one channel, whose rows are runs. */
        window.runs = window.runs == 1 && in_c == 1 ? window.run : window.runs;
        for (int32_t channel = 0; channel < in_c; channel += 8) {
          const int32_t count = in_c - channel < 8 ? in_c - channel : 8;
          tg_i32 sums[8];
          tg_depthwise_mve_s8_sums(p, &window, input + window.x_first + channel, filter + window.w_first * in_c + channel,
                                   bias + channel, count, sums);
          for (int32_t i = 0; i < count; i++) {
#if TG_PER_CHANNEL
            const tg_i32 *words = channels + 2 * (channel + i);
            const tg_requant out = {words[0], p->out_offset, (uint8_t)(words[1] & 0xff), (uint8_t)((words[1] >> 8) & 0xff)};
#endif
            *output++ = tg_activate_s8(tg_epilogue_glow(sums[i], &out), act_min, act_max, p->leaky, &p->negative);
          }
        }
      }
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}

#undef TG_PER_CHANNEL
