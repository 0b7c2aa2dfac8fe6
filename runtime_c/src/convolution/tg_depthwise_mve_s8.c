/* Depthwise convolution for cores with vectors: four channels at once, their sums in the four words of a vector. NHWC;
 * filters [kernel_h][kernel_w][channels].
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

/* bias + the products of count <= 4 channels; x and w: those of the first, at the window's first tap inside of the image. */
static void tg_depthwise_mve_s8_sums(const tg_depthwise_mve_s8_params *p, const tg_window *window, const int8_t *x,
                                     const int8_t *w, const tg_i32 *bias, int32_t count, tg_i32 *sums) {
  const int32_t channels = p->in_c;
#if TG_HAS_MVE
  const mve_pred16_t inside = vctp32q((uint32_t)count);
  const int32x4_t x_offset = vdupq_n_s32(-p->in_offset);
  const int32x4_t w_offset = vdupq_n_s32(-p->filter_offset);
  int32x4_t sum = vldrwq_z_s32((const int32_t *)bias, inside);
#else
  for (int32_t i = 0; i < count; i++) {
    sums[i] = bias[i];
  }
#endif
  for (int32_t row = 0; row < window->rows; row++) {
    const int8_t *x_tap = x;
    const int8_t *w_tap = w;
    for (int32_t tap = 0; tap < window->runs; tap++) {
#if TG_HAS_MVE
      const int32x4_t image = vaddq_s32(vldrbq_z_s32(x_tap, inside), x_offset);
      const int32x4_t filter = vaddq_s32(vldrbq_z_s32(w_tap, inside), w_offset);
      sum = vaddq_s32(sum, vmulq_s32(image, filter));
#else
      for (int32_t i = 0; i < count; i++) {
        sums[i] += (x_tap[i] - p->in_offset) * (w_tap[i] - p->filter_offset);
      }
#endif
      x_tap += channels;
      w_tap += channels;
    }
    x += p->in_w * channels;
    w += p->kernel_w * channels;
  }
#if TG_HAS_MVE
  vstrwq_p_s32((int32_t *)sums, sum, inside);
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
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        tg_window window = tg_window_at(&sizes, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left);
        /* Taps take the place of runs, also where there is one channel, whose rows are runs. */
        window.runs = window.runs == 1 && p->in_c == 1 ? window.run : window.runs;
        for (int32_t channel = 0; channel < p->in_c; channel += 4) {
          const int32_t count = p->in_c - channel < 4 ? p->in_c - channel : 4;
          tg_i32 sums[4];
          tg_depthwise_mve_s8_sums(p, &window, input + window.x_first + channel, filter + window.w_first * p->in_c + channel,
                                   bias + channel, count, sums);
          for (int32_t i = 0; i < count; i++) {
#if TG_PER_CHANNEL
            const tg_i32 *words = channels + 2 * (channel + i);
            const tg_requant own = {words[0], p->out_offset, (uint8_t)(words[1] & 0xff), (uint8_t)((words[1] >> 8) & 0xff)};
            const tg_requant *out = &own;
#else
            const tg_requant *out = &p->out;
#endif
            *output++ = tg_activate_s8(tg_epilogue_glow(sums[i], out), p->act_min, p->act_max, p->leaky, &p->negative);
          }
        }
      }
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}

#undef TG_PER_CHANNEL
