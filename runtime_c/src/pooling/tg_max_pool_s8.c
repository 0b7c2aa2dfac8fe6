/* Maximum over windows, NHWC. Only the part of a window inside the image counts; an empty one gives -128. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_max_pool_s8(const tg_max_pool_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t channels = p->channels;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t out_y = 0; out_y < p->out_h; out_y++) {
      const int32_t top = out_y * p->stride_h - p->pad_top;
      const int32_t y_begin = tg_max(top, 0);
      const int32_t y_end = tg_min(top + p->kernel_h, p->in_h);
      for (int32_t out_x = 0; out_x < p->out_w; out_x++) {
        const int32_t left = out_x * p->stride_w - p->pad_left;
        const int32_t x_begin = tg_max(left, 0);
        const int32_t x_end = tg_min(left + p->kernel_w, p->in_w);
        for (int32_t channel = 0; channel < channels; channel++) {
          int8_t largest = INT8_MIN;
          for (int32_t y = y_begin; y < y_end; y++) {
            const int8_t *in = input + (y * p->in_w + x_begin) * channels + channel;
            for (int32_t x = x_begin; x < x_end; x++) {
              largest = *in > largest ? *in : largest;
              in += channels;
            }
          }
          *output++ = largest;
        }
      }
    }
    input += (int32_t)p->in_h * p->in_w * channels;
  }
}
