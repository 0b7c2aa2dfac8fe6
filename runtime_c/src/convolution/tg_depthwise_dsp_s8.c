/* Depthwise convolution for cores that multiply halfwords: four channels at once. As many outputs as inputs, no
 * dilation.
 *
 * Filter, for every four channels: their biases, and for each tap the weights of channels {0, 2} and {1, 3}, without
 * offset, as halfwords of two words. The last group is filled up.
 *
 * output = activation(requantize(bias + sum of (input - in_offset) * weight)), where taps outside the image are left
 * out.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of four channels after their weights; then
 * the activation is not leaky. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

/* The taps of one pixel that lie inside the image. */
typedef struct {
  const int8_t *first;
  int32_t rows;
  int32_t columns;
  int32_t number; /* of the first tap */
} tg_depthwise_dsp_s8_window;

/* All channels of a pixel. */
static TG_APART void tg_depthwise_dsp_s8_pixel(const tg_depthwise_dsp_s8_params *p,
                                               const tg_depthwise_dsp_s8_window *at, const tg_i32 *filter,
                                               int8_t *output) {
  const int32_t taps = p->kernel_h * p->kernel_w;
  const int32_t channels = p->in_c;
  const int32_t row_step = p->in_w * channels;
  const int32_t columns = at->columns;
#if !TG_PER_CHANNEL
  const tg_requant out = p->out;
#endif
  const uint32_t minus = tg_pack_halfwords(-p->in_offset, -p->in_offset);
  for (int32_t channel = 0; channel < channels; channel += 4) {
    const int32_t count = tg_min(channels - channel, 4);
    const tg_i32 *weights = filter + 4 + 2 * at->number;
    const int8_t *row = at->first + channel;
    uint32_t a = (uint32_t)filter[0];
    uint32_t b = (uint32_t)filter[1];
    uint32_t c = (uint32_t)filter[2];
    uint32_t d = (uint32_t)filter[3];
    TG_COMPACT
    for (int32_t y = at->rows; y > 0; y--) {
      const int8_t *x = row;
      TG_COMPACT
      for (int32_t left = columns; left > 0; left--) {
        const uint32_t bytes = tg_load_some(x, count);
        const uint32_t first = (uint32_t)weights[0];
        const uint32_t second = (uint32_t)weights[1];
        const uint32_t even = tg_even_plus(minus, bytes);
        const uint32_t odd = tg_odd_plus(minus, bytes);
        a = tg_dot_low(even, first, a);
        c = tg_dot_high(even, first, c);
        b = tg_dot_low(odd, second, b);
        d = tg_dot_high(odd, second, d);
        weights += 2;
        x += channels;
      }
      weights += 2 * (p->kernel_w - columns);
      row += row_step;
    }
    const uint32_t sums[4] = {a, b, c, d};
    TG_COMPACT
    for (int32_t i = 0; i < count; i++) {
#if TG_PER_CHANNEL
      const int32_t x = TG_EPILOGUE_GLOW_HIGH((int32_t)sums[i], &filter[4 + 2 * taps + TG_EPILOGUE_GLOW_WORDS * i],
                                         TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset));
      output[channel + i] = tg_clamp_s8(x, p->act_min, p->act_max);
#else
      const int32_t x = tg_epilogue_glow((int32_t)sums[i], &out);
      output[channel + i] = tg_activate_s8(x, p->act_min, p->act_max, p->leaky, &p->negative);
#endif
    }
    filter += 4 + 2 * taps + TG_PER_CHANNEL * 4 * TG_EPILOGUE_GLOW_WORDS;
  }
}

void tg_depthwise_dsp_s8(const tg_depthwise_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                         int8_t *output) {
  const int32_t row = p->in_w * p->in_c;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const int32_t first_y = tg_max(-top, 0);
      const int32_t rows = tg_min(p->in_h - top, p->kernel_h) - first_y;
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const int32_t first_x = tg_max(-left, 0);
        const int32_t columns = tg_min(p->in_w - left, p->kernel_w) - first_x;
        tg_depthwise_dsp_s8_window at = {input, 0, 0, 0};
        if (rows > 0 && columns > 0) {
          at.first = input + (top + first_y) * row + (left + first_x) * p->in_c;
          at.rows = rows;
          at.columns = columns;
          at.number = first_y * p->kernel_w + first_x;
        }
        tg_depthwise_dsp_s8_pixel(p, &at, filter, output);
        output += p->in_c;
      }
    }
    input += p->in_h * row;
  }
}

#undef TG_PER_CHANNEL
