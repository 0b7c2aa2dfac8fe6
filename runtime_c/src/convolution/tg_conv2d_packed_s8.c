/* 2-D convolution, or depthwise convolution, whose biases and filters come from a stream of bits (tg_packed.h).
 *
 * Channel by channel: a filter is laid out in scratch [kernel_h][kernel_w][in_c or 1], then it goes over all images.
 * output = clamp(requantize(bias + sum of (input - in_offset) * weight)), where taps outside the image are left out;
 * with word_bits each channel has its own multiplier (15 bits) and shifts (5 bits each), after its bias. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_packed.h"

/* The sum over one window, whose first row and column may be outside the image. */
static inline int32_t tg_conv2d_packed_s8_window_sum(const tg_conv2d_packed_s8_params *p, const int8_t *image,
                                                     const tg_i16 *filter, int32_t channels, int32_t top,
                                                     int32_t first) {
  const int32_t in_offset = p->in_offset;
  const int32_t in_c = p->in_c;
  int32_t sum = 0;
  for (int32_t ky = p->kernel_h; ky > 0; ky--) {
    int32_t column = first;
    for (int32_t kx = p->kernel_w; kx > 0; kx--) {
      if ((uint32_t)top < p->in_h && (uint32_t)column < p->in_w) {
        sum += tg_packed_dot(image + (top * p->in_w + column) * in_c, filter, channels, in_offset);
      }
      filter += channels;
      column += p->dilation_w;
    }
    top += p->dilation_h;
  }
  return sum;
}

void tg_conv2d_packed_s8(const tg_conv2d_packed_s8_params *p, const int8_t *input, const int8_t *packed, int8_t *output,
                         tg_i32 *scratch) {
  const int32_t channels = p->group == 1 ? p->in_c : 1;
  const int32_t terms = p->kernel_h * p->kernel_w * channels;
  tg_i16 *const filter = (tg_i16 *)scratch;
  tg_requant out = p->out;
  tg_packed stream = tg_packed_begin(packed, p->table_bytes, p->index_bits);
  for (int32_t channel = 0; channel < p->out_c; channel++) {
    const uint8_t *table;
    const int32_t bias = tg_packed_unit(&stream, packed, p->table_bytes, p->index_bits, p->bias_bits, &table);
    if (p->word_bits) {
      const uint32_t word = tg_packed_take(&stream, p->word_bits);
      out.multiplier = (int32_t)(word >> 10);
      out.pre = (uint8_t)((word >> 5) & 31);
      out.post = (uint8_t)(word & 31);
    }
    tg_packed_weights(&stream, table, filter, terms);
    const int8_t *image = input;
    int8_t *pixel = output++;
    for (int32_t number = 0; number < p->images; number++) {
      for (int32_t y = 0; y < p->out_h; y++) {
        for (int32_t x = 0; x < p->out_w; x++) {
          const int32_t sum =
              bias + tg_conv2d_packed_s8_window_sum(p, image, filter, channels, y * p->stride_h - p->pad_top,
                                                    x * p->stride_w - p->pad_left);
          *pixel = tg_clamp_s8(tg_epilogue_glow(sum, &out), p->act_min, p->act_max);
          pixel += p->out_c;
        }
      }
      image += p->in_h * p->in_w * p->in_c;
    }
    input += p->group != 1;
  }
}
