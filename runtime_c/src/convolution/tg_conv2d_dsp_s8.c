/* 2-D convolution for cores that multiply two halves at once: four pixels and two channels a step (see tg_dsp_tile.h);
 * with pool, the maximum of each 2x2 square. No groups, no dilation.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0. */
#include "tg_dsp_tile.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

typedef struct {
  const tg_conv2d_dsp_s8_params *p;
  tg_dsp_sizes sizes;
  const int8_t *filter;
  const int32_t *bias;
  int32_t plain; /* no bounds but those of int8 */
} work;

static int8_t finish(const work *w, int32_t sum) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  const int32_t x = tg_requantize(sum, &p->out);
  if (w->plain) {
    return (int8_t)tg_saturate_s8(x);
  }
  return tg_activate_s8(x, p->act_min, p->act_max, p->leaky, &p->negative);
}

/* All channels of count pixels that are laid out, or of the one that is the maximum of four. inputs: their sums. */
static void channels(const work *w, const int32_t *inputs, int32_t count, int8_t *output) {
  const int32_t out_c = w->p->out_c;
  const int32_t groups = (w->sizes.taps + 3) >> 2;
  const int32_t pool = w->p->pool;
  const int32_t offsets[2] = {-w->p->filter_offset, -w->p->filter_offset};
  const int8_t *filter = w->filter;
  const int32_t *bias = w->bias;
  for (int32_t channel = 0; channel < out_c; channel += 2) {
    int32_t sums[8];
    tg_dsp_dot(w->sizes.columns, filter, groups, bias, offsets, inputs, sums);
    const int32_t *next = sums;
    for (int32_t left = tg_min(out_c - channel, 2); left > 0; left--) {
      if (pool) {
        *output = finish(w, tg_max(tg_max(next[0], next[1]), tg_max(next[2], next[3])));
      } else {
        int8_t *out = output;
        for (int32_t i = 0; i < count; i++) {
          *out = finish(w, next[i]);
          out += out_c;
        }
      }
      output++;
      next += 4;
    }
    filter += 8 * groups;
    bias += 2;
  }
}

static void squares(const work *w, const int8_t *input, int8_t *output) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  for (int32_t y = 0; y < p->out_h; y++) {
    for (int32_t x = 0; x < p->out_w; x++) {
      int32_t inputs[4];
      for (int32_t i = 0; i < 4; i++) {
        const int32_t top = (2 * y + (i >> 1)) * p->stride_h - p->pad_top;
        const int32_t left = (2 * x + (i & 1)) * p->stride_w - p->pad_left;
        inputs[i] = tg_dsp_lay_out(&w->sizes, input, top, left, i);
      }
      channels(w, inputs, 1, output);
      output += p->out_c;
    }
  }
}

static void pixels(const work *w, const int8_t *input, int8_t *output) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  const int32_t end = p->out_w * p->stride_w - p->pad_left;
  int32_t top = -p->pad_top;
  int32_t left = -p->pad_left;
  for (int32_t rest = p->out_h * p->out_w; rest > 0; rest -= 4) {
    int32_t inputs[4] = {0, 0, 0, 0};
    const int32_t count = tg_min(rest, 4);
    for (int32_t i = 0; i < count; i++) {
      inputs[i] = tg_dsp_lay_out(&w->sizes, input, top, left, i);
      left += p->stride_w;
      if (left == end) {
        left = -p->pad_left;
        top += p->stride_h;
      }
    }
    channels(w, inputs, count, output);
    output += count * p->out_c;
  }
}

void tg_conv2d_dsp_s8(const tg_conv2d_dsp_s8_params *p, const int8_t *input, const int8_t *filter, const int32_t *bias,
                      int8_t *output, int32_t *scratch) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  work w;
  w.p = p;
  w.sizes.in_h = p->in_h;
  w.sizes.in_w = p->in_w;
  w.sizes.in_c = p->in_c;
  w.sizes.kernel_h = p->kernel_h;
  w.sizes.kernel_w = p->kernel_w;
  w.sizes.taps = taps;
  w.sizes.outside = p->in_offset;
  w.sizes.columns = (uint32_t *)scratch;
  w.sizes.line = (int8_t *)(scratch + ((taps + 3) & ~3) * 2 + 2);
  w.filter = filter;
  w.bias = bias;
  w.plain = p->act_min == INT8_MIN && p->act_max == INT8_MAX && !p->leaky;
  for (int32_t image = 0; image < p->images; image++) {
    if (p->pool) {
      squares(&w, input, output);
    } else {
      pixels(&w, input, output);
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}
