/* Convolution by tiles of four pixels, in which kernels differ by their parameters alone: tg_dual_mac_params, and
 * TG_DUAL_MAC_SCALES of tg_dual_mac.h.
 *
 * The inputs of the four pixels are laid out in scratch; taps outside the image are the input's offset, which stands for
 * 0.0. The offset's part of all products is in the bias, for even and odd pixels of each channel: see tg_dual_mac_tile. */
#ifndef TG_DUAL_MAC_TILES_H
#define TG_DUAL_MAC_TILES_H

#include "tg_compact.h"
#include "tg_dual_mac.h"

/* First row and column of a window; they may lie outside the image. */
typedef struct {
  int32_t top;
  int32_t left;
} corner;

static int32_t place(const tg_dual_mac_params *p, corner at) {
  return (at.top * p->in_w + at.left) * p->in_c;
}

/* One row of two windows, in every other word from out. */
static tg_u32 *lay_out_row(const tg_dual_mac_params *p, const int8_t *image, corner a, corner b,
                             tg_u32 *out) {
  const int32_t channels = p->in_c;
  const int32_t fill = p->in_offset;
  TG_COMPACT
  for (int32_t column = 0; column < p->kernel_w; column++) {
    const int32_t low_inside = (uint32_t)a.top < p->in_h && (uint32_t)a.left < p->in_w;
    const int32_t high_inside = (uint32_t)b.top < p->in_h && (uint32_t)b.left < p->in_w;
    int32_t low = place(p, a);
    int32_t high = place(p, b);
    TG_COMPACT
    for (int32_t channel = channels; channel > 0; channel--) {
      const int32_t x = low_inside ? image[low] : fill;
      const int32_t y = high_inside ? image[high] : fill;
      *out = (uint32_t)x + ((uint32_t)y << 16);
      low++;
      high++;
      out += 2;
    }
    a.left++;
    b.left++;
  }
  return out;
}

/* Any tile; slow, as every tap may lie outside the image. */
static void lay_out_border(const tg_dual_mac_params *p, const int8_t *image, const corner *corners,
                           tg_u32 *out) {
  for (int32_t pair = 0; pair < 2; pair++) {
    corner a = corners[2 * pair];
    corner b = corners[2 * pair + 1];
    tg_u32 *word = out + pair;
    TG_COMPACT
    for (int32_t row = p->kernel_h; row > 0; row--) {
      word = lay_out_row(p, image, a, b, word);
      a.top++;
      b.top++;
    }
  }
}

/* The inputs of a tile's windows. */
static void lay_out(const tg_dual_mac_params *p, const int8_t *image, const corner *corners, tg_u32 *out) {
  const uint32_t rows = (uint32_t)(p->in_h - p->kernel_h);
  const uint32_t columns = (uint32_t)(p->in_w - p->kernel_w);
  const int32_t fits = p->in_h >= p->kernel_h && p->in_w >= p->kernel_w;
  TG_COMPACT
  for (int32_t i = 0; i < 4; i++) {
    if (!fits || (uint32_t)corners[i].top > rows || (uint32_t)corners[i].left > columns) {
      lay_out_border(p, image, corners, out);
      return;
    }
  }
  const int32_t first = place(p, corners[0]);
  const int32_t places[3] = {place(p, corners[1]) - first, place(p, corners[2]) - first, place(p, corners[3]) - first};
  const int32_t step = p->in_w * p->in_c;
  const int32_t run = p->kernel_w * p->in_c;
  const int8_t *x = image + first;
  TG_COMPACT
  for (int32_t row = p->kernel_h; row > 0; row--) {
    out = tg_dual_mac_lay_out(x, places, run, out);
    x += step;
  }
}

/* What does not change from tile to tile. */
static void prepare(const tg_dual_mac_params *p, const tg_i32 *scratch, tg_dual_mac_tile *tile) {
  tile->columns = (const tg_u32 *)scratch;
  tile->negative_offset = -p->filter_offset;
#if TG_DUAL_MAC_SCALES
  tile->round = TG_EPILOGUE_CENTER(p->out_offset);
#else
  tile->pre = p->out.pre;
  tile->multiplier = p->out.multiplier;
  tile->round = tg_folded_round(&p->out);
  tile->post = p->out.post;
#endif
  tile->min = p->act_min;
  tile->max = p->act_max;
  tile->pool = p->pool;
  TG_COMPACT
  for (int32_t i = 0; i < 3; i++) {
    tile->steps[i] = (i + 1) * p->out_c;
  }
}

/* The windows of up to four pixels from column x of a row, or of the block there. Pixels that are missing repeat the last
 * one, at the same place in the output. Returns how many outputs there are. */
static int32_t next_tile(const tg_dual_mac_params *p, corner *at, tg_i32 *x, int32_t left, corner *corners,
                         tg_dual_mac_tile *tile) {
  if (p->pool) {
    TG_COMPACT
    for (int32_t i = 0; i < 4; i++) {
      corners[i].top = at->top + (i >> 1) * p->stride_h;
      corners[i].left = at->left + (i & 1) * p->stride_w;
    }
    at->left += 2 * p->stride_w;
    return 1;
  }
  int32_t outputs = 0;
  TG_COMPACT
  for (int32_t i = 0; i < 4; i++) {
    corners[i] = *at;
    if (i < left) {
      outputs++;
    }
    if (i < left - 1) {
      at->left += p->stride_w;
      if (++*x == p->out_w) {
        *x = 0;
        at->left = -p->pad_left;
        at->top += p->stride_h;
      }
    } else if (i < 3) {
      tile->steps[i] = i > 0 ? tile->steps[i - 1] : 0;
    }
  }
  return outputs;
}

static inline void tg_dual_mac_convolve(const tg_dual_mac_params *p, const int8_t *input, const int8_t *filter,
                                     const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_u32 *columns = (tg_u32 *)scratch;
  const uint8_t *stream = (const uint8_t *)filter;
  const int32_t rows = p->pool ? p->out_h : 1;
  const int32_t outputs = p->pool ? p->out_w : p->out_h * p->out_w;
  tg_dual_mac_tile tile;
  corner corners[4];
  for (int32_t image = 0; image < p->images; image++) {
    prepare(p, scratch, &tile);
    corner start = {-p->pad_top, -p->pad_left};
    for (int32_t row = 0; row < rows; row++) {
      corner at = start;
      int32_t x = 0;
      for (int32_t left = outputs; left > 0;) {
        const int32_t count = next_tile(p, &at, &x, left, corners, &tile);
        lay_out(p, input, corners, columns);
        tile.bias = bias;
        tile.output = output;
        tile.channels = p->out_c;
        tg_dual_mac(&tile, stream);
        output += count * p->out_c;
        left -= count;
      }
      start.top += 2 * p->stride_h;
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}

#endif
