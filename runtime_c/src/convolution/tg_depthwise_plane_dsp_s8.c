/* Depthwise convolution with windows of any size, step and dilation for cores that multiply two halfwords, and as many
 * outputs for each input channel as divide evenly: a channel's image with its padding is laid out in scratch,
 * each word an input and the one that the next tap of a window takes, and the channel's filters go over it, two taps an
 * instruction. As a channel is read as a whole before any of its outputs is written, the output may take the place of an
 * input that has as many channels and no fewer pixels.
 *
 * The input's offset is folded into the bias; padding holds that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), after its bias. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_plane_of.h"

#define TG_PER_CHANNEL 0

/* Lays out a row, at y of the image's side; y may be outside. */
static tg_u32 *tg_depthwise_plane_dsp_s8_row(const tg_plane *plane, const int8_t *channel, int32_t y, tg_u32 *to) {
  const int32_t step = plane->along.input_step;
  const int32_t tap = plane->along.tap;
  const int32_t inside = y >= 0 && y < plane->across.inputs ? plane->along.inputs : 0;
  const int8_t *const row = inside > 0 ? channel + y * plane->across.input_step : channel;
  int32_t place = -plane->along.pad;
  tg_u32 *const end = to + plane->width;
  if (tap == 1) {
    /* Each input is the upper half of one word and the lower half of the next. */
    uint32_t last = (uint32_t)(place >= 0 && place < inside ? row[place * step] : plane->fill);
    place++;
    while (to != end) {
      const int32_t run = place < 0 ? -place : place < inside ? inside - place : plane->width;
      tg_u32 *const stop = end - to < run ? end : to + run;
      if (place < 0 || place >= inside) {
        place += (int32_t)(stop - to);
        TG_COMPACT
        while (to != stop) {
          *to++ = tg_pack_halfwords((int32_t)last, plane->fill);
          last = (uint32_t)plane->fill;
        }
        continue;
      }
      const int8_t *x = row + place * step;
      place += (int32_t)(stop - to);
      TG_COMPACT
      for (; to != stop; x += step) {
        const uint32_t next = (uint32_t)*x;
        *to++ = tg_pack_halfwords((int32_t)last, (int32_t)next);
        last = next;
      }
    }
    return to;
  }
  TG_COMPACT
  for (; to != end; place++) {
    const int32_t next = place + tap;
    const int32_t low = place >= 0 && place < inside ? row[place * step] : plane->fill;
    const int32_t high = next >= 0 && next < inside ? row[next * step] : plane->fill;
    *to++ = tg_pack_halfwords(low, high);
  }
  return to;
}

/* A channel's weights, free of their offset, two taps of a row a word; the last one of an odd number is beside a zero. */
static void tg_depthwise_plane_dsp_s8_weights(const tg_plane *plane, const int8_t *filter, int32_t offset, tg_u32 *to) {
  const int32_t step = plane->along.weight_step;
  TG_COMPACT
  for (int32_t row = plane->across.taps; row > 0; row--) {
    const int8_t *weight = filter;
    TG_COMPACT
    for (int32_t left = plane->along.taps; left > 0; left -= 2) {
      *to++ = tg_pack_halfwords(weight[0] - offset, left > 1 ? weight[step] - offset : 0);
      weight += 2 * step;
    }
    filter += plane->across.weight_step;
  }
}

/* All outputs of one channel; its weights and its image, from line on, are laid out. words: the bias, and with TG_PER_CHANNEL the scale. */
static void tg_depthwise_plane_dsp_s8_outputs(const tg_depthwise_plane_dsp_s8_params *p, const tg_plane *plane,
                                              const tg_u32 *weights, const tg_u32 *line, const tg_i32 *words,
                                              int8_t *output) {
  const int32_t step = plane->along.step;
  const int32_t tap = 2 * plane->along.tap;
  const int32_t pairs = (plane->along.taps + 1) >> 1;
  const int32_t row = plane->across.tap * plane->width - pairs * tap;
  const int32_t rows = plane->across.taps;
  const uint32_t bias = (uint32_t)words[0];
  const int32_t min = p->act_min;
  const int32_t max = p->act_max;
  const int32_t output_step = plane->along.output_step;
#if TG_PER_CHANNEL
  const int32_t center = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  const tg_requant out = p->out;
#endif
  for (int32_t y = plane->across.outputs; y > 0; y--) {
    int8_t *to = output;
    const tg_u32 *first = line;
    for (int32_t left = plane->along.outputs; left > 0; left -= 4) {
      const int32_t count = tg_min(left, 4);
      const tg_u32 *x = first;
      const tg_u32 *weight = weights;
      uint32_t a = bias;
      uint32_t b = bias;
      uint32_t c = bias;
      uint32_t d = bias;
      TG_COMPACT
      for (int32_t y_left = rows; y_left > 0; y_left--) {
        TG_COMPACT
        for (int32_t x_left = pairs; x_left > 0; x_left--) {
          const uint32_t both = *weight++;
          a = tg_dot2(x[0], both, a);
          b = tg_dot2(x[step], both, b);
          c = tg_dot2(x[2 * step], both, c);
          d = tg_dot2(x[3 * step], both, d);
          x += tap;
        }
        x += row;
      }
      const uint32_t sums[4] = {a, b, c, d};
      TG_COMPACT
      for (int32_t i = 0; i < count; i++) {
#if TG_PER_CHANNEL
        *to = tg_clamp_s8(TG_EPILOGUE_GLOW_HIGH((int32_t)sums[i], words + 1, center), min, max);
#else
        *to = tg_activate_s8(tg_epilogue_glow((int32_t)sums[i], &out), min, max, p->leaky, &p->negative);
#endif
        to += output_step;
      }
      first += 4 * step;
    }
    line += plane->across.step * plane->width;
    output += plane->across.output_step;
  }
}

void tg_depthwise_plane_dsp_s8(const tg_depthwise_plane_dsp_s8_params *p, const int8_t *input, const int8_t *filter,
                               const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
#if TG_PER_CHANNEL
  const int32_t count = 1 + TG_EPILOGUE_GLOW_WORDS;
#else
  const int32_t count = 1;
#endif
  const int32_t in_c = p->in_c;
  const int32_t out_c = p->out_c;
  const tg_plane plane = TG_PLANE_OF(p);
  tg_u32 *const weights = (tg_u32 *)scratch;
  tg_u32 *const words = weights + plane.across.taps * ((plane.along.taps + 1) >> 1);
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *filters = filter;
    const tg_i32 *constants = bias;
    int32_t channel = 0;
    for (int32_t own = 0; own < in_c; own++) {
      tg_u32 *to = words;
      for (int32_t y = 0; y < plane.height; y++) {
        to = tg_depthwise_plane_dsp_s8_row(&plane, input + own, y - plane.across.pad, to);
      }
      for (; channel * in_c < (own + 1) * out_c; channel++) {
        tg_depthwise_plane_dsp_s8_weights(&plane, filters, p->filter_offset, weights);
        tg_depthwise_plane_dsp_s8_outputs(p, &plane, weights, words, constants, output + channel);
        filters += p->kernel_h * p->kernel_w;
        constants += count;
      }
    }
    input += p->in_h * p->in_w * in_c;
    output += p->out_h * p->out_w * out_c;
  }
}

#undef TG_PER_CHANNEL
