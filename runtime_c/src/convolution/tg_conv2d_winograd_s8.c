/* 2-D convolution of ARMv6-M's kind by windows of 3x3 with steps of 1, by Winograd's algorithm in exact integers (Lavin and
 * Gray, Fast Algorithms for Convolutional Neural Networks, 2016): F(2, 3) along columns, F(4, 3) along rows, 24 products for
 * 72. With pool, the maximum of each 2x2 block. in_c is a multiple of four.
 *
 * One tile and eight output channels at once: see tg_winograd_tile.h. The input's offset is folded into the bias; taps outside
 * the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_requantize_by), after its bias. */
#include "tg_compact.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_winograd_ends.h"
#include "tg_winograd_inputs.h"
#include "tg_winograd_tile.h"

#define TG_PER_CHANNEL 0

/* What the sums of lower halves' channels are too large by, from what tg_winograd_tile_inputs has to sums. */
static TG_APART void tg_conv2d_winograd_s8_corners(const tg_conv2d_winograd_s8_params *p, const tg_u32 *sums,
                                                   tg_i32 *corners) {
  TG_COMPACT
  for (int32_t i = 0; i < 2; i++) {
    TG_COMPACT
    for (int32_t column = 0; column < 4; column++) {
      const uint32_t lower = (sums[0] & 0xFFFFu) + (sums[2] & 0xFFFFu);
      const uint32_t upper = (sums[0] >> 16) + (sums[2] >> 16);
      *corners++ = ((int32_t)(lower + upper) - 512 * p->in_c) * p->corners;
      sums++;
    }
    sums += 2;
  }
}

/* The inputs of a tile at (top, left), which the image cuts, with what lies outside. */
static TG_SMALL TG_APART void tg_conv2d_winograd_s8_gather(const tg_conv2d_winograd_s8_params *p, const int8_t *image,
                                                           int32_t top, int32_t left, tg_u32 *to) {
  const int32_t words = p->in_c / 4; /* of a pixel */
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  TG_COMPACT
  for (int32_t y = top; y < top + TG_WINOGRAD_TILE_ROWS; y++) {
    TG_COMPACT
    for (int32_t x = left; x < left + TG_WINOGRAD_TILE_W; x++) {
      const int32_t inside = y >= 0 && y < p->in_h && x >= 0 && x < p->in_w;
      const tg_u32 *from = (const tg_u32 *)(const void *)image + (inside ? (y * p->in_w + x) * words : 0);
      TG_COMPACT
      for (int32_t i = 0; i < words; i++) {
        to[i] = inside ? from[i] : outside;
      }
      to += words;
    }
  }
}

#if TG_PER_CHANNEL
#define TG_WINOGRAD_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#else
#define TG_WINOGRAD_BIASES 1
#endif

#if TG_PER_CHANNEL && TG_EPILOGUE_GLOW_LONG

/* A channel's outputs of a tile; with pool, the two maxima as one column. */
static TG_APART void tg_conv2d_winograd_s8_finish(const tg_winograd_ends *ends, tg_i32 *sums, const tg_i32 *words,
                                                  int32_t pool, int8_t *output) {
  if (pool) {
    sums[0] = tg_max(tg_max(sums[0], sums[1]), tg_max(sums[4], sums[5]));
    sums[4] = tg_max(tg_max(sums[2], sums[3]), tg_max(sums[6], sums[7]));
  }
  register const tg_winograd_ends *r0 __asm__("r0") = ends;
  register tg_i32 *r1 __asm__("r1") = sums;
  register const tg_i32 *r2 __asm__("r2") = words;
  register int8_t *r3 __asm__("r3") = output;
  __asm__ volatile(
      ".syntax unified\n\t"
      TG_WINOGRAD_ENDS(TG_EPILOGUE_GLOW_LONG_LESS)
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

/* count sums of a channel to what is stored. words: its bias and scale. Those are copied, as what is written might be they
 * for all that a compiler knows. */
static TG_APART void tg_conv2d_winograd_s8_scale(const tg_conv2d_winograd_s8_params *p, const tg_i32 *words, tg_i32 *sums,
                                                 int32_t count) {
  const int32_t bias = words[0];
  const int32_t least = p->act_min;
  const int32_t most = p->act_max;
#if TG_PER_CHANNEL
  const int32_t center = TG_EPILOGUE_GLOW_CENTER(p->out_offset);
  const tg_i32 scale[2] = {words[1], words[TG_EPILOGUE_GLOW_WORDS]};
#else
  const int32_t pre = p->out.pre;
  const int32_t multiplier = p->out.multiplier;
  const int32_t round = tg_folded_round(&p->out);
  const int32_t post = p->out.post;
#endif
  TG_COMPACT
  for (; count > 0; count--) {
#if TG_PER_CHANNEL
    *sums = tg_max(least, tg_min(TG_EPILOGUE_GLOW_FOLDED(*sums + bias, scale, center), most));
#else
    *sums = tg_requantize_folded(*sums + bias, pre, multiplier, round, post, least, most);
#endif
    sums++;
  }
}

/* A channel's outputs of a tile, of which rows and columns count. */
static TG_APART void tg_conv2d_winograd_s8_finish(const tg_conv2d_winograd_s8_params *p, tg_i32 *sums,
                                                  const tg_i32 *words, int32_t rows, int32_t columns, int8_t *output) {
  const int32_t right = p->out_c;
  if (p->pool) {
    sums[0] = tg_max(tg_max(sums[0], sums[1]), tg_max(sums[4], sums[5]));
    sums[1] = tg_max(tg_max(sums[2], sums[3]), tg_max(sums[6], sums[7]));
    tg_conv2d_winograd_s8_scale(p, words, sums, 2);
    output[0] = (int8_t)sums[0];
    if (columns > 1) {
      output[right] = (int8_t)sums[1];
    }
    return;
  }
  tg_conv2d_winograd_s8_scale(p, words, sums, 8);
  const int32_t down = p->out_w * right;
  TG_COMPACT
  for (int32_t i = 0; i < columns; i++) {
    output[0] = (int8_t)sums[0];
    if (rows > 1) {
      output[down] = (int8_t)sums[4];
    }
    output += right;
    sums++;
  }
}

#endif

/* count of the eight channels of a tile. corners: see tg_conv2d_winograd_s8_corners. */
static TG_APART void tg_conv2d_winograd_s8_outputs(const tg_conv2d_winograd_s8_params *p, const tg_u32 *m,
                                                   const tg_i32 *corners, const tg_i32 *words, int32_t count,
                                                   int32_t rows, int32_t columns, int8_t *output) {
#if TG_PER_CHANNEL && TG_EPILOGUE_GLOW_LONG
  tg_winograd_ends ends;
  ends.center = TG_EPILOGUE_GLOW_CENTER(p->out_offset);
  ends.least = p->act_min;
  ends.most = p->act_max;
  ends.right = p->out_c;
  ends.columns = p->pool ? 4 : 4 * columns;
  ends.down = (p->pool ? columns : rows) < 2 ? 0 : p->pool ? p->out_c : p->out_w * p->out_c;
#define TG_WINOGRAD_FINISH(own, to) \
  tg_conv2d_winograd_s8_finish(&ends, sums + 8 * (own), words + (own) * TG_WINOGRAD_BIASES, p->pool, to)
#else
#define TG_WINOGRAD_FINISH(own, to) \
  tg_conv2d_winograd_s8_finish(p, sums + 8 * (own), words + (own) * TG_WINOGRAD_BIASES, rows, columns, to)
#endif
  TG_COMPACT
  for (; count > 0; count -= 2) {
    tg_i32 sums[16];
    tg_winograd_tile_multiples(m, (tg_u32 *)sums);
    tg_winograd_tile_multiples(m + 1, (tg_u32 *)sums + 8);
    tg_winograd_tile_sums(sums, corners);
    TG_WINOGRAD_FINISH(0, output);
    if (count > 1) {
      TG_WINOGRAD_FINISH(1, output + 1);
    }
    output += 2;
    m += 2;
    words += 2 * TG_WINOGRAD_BIASES;
  }
}

TG_SMALL
void tg_conv2d_winograd_s8(const tg_conv2d_winograd_s8_params *p, const int8_t *input, const tg_i32 *filter,
                           const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t out_c = p->out_c;
  const int32_t row = p->in_w * channels;
  const int32_t filled = (channels + 7) & ~7;
  const int32_t height = p->pool ? 1 : 2; /* of a tile's outputs */
  tg_u32 lines[TG_WINOGRAD_TILE_LINES + 2 * TG_WINOGRAD_TILE_W];
  tg_i32 corners[8];
  tg_i16 *const v = (tg_i16 *)scratch;
  tg_i32 *const m = scratch + TG_WINOGRAD_TILE_PLACES / 2 * filled; /* and the inputs of cut tiles */
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y += height) {
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += 2 * height) {
        if (top >= 0 && left >= 0 && top + TG_WINOGRAD_TILE_ROWS <= p->in_h && left + TG_WINOGRAD_TILE_W <= p->in_w) {
          tg_winograd_tile_inputs(input + top * row + left * channels, channels, row, v, filled, lines);
        } else {
          tg_conv2d_winograd_s8_gather(p, input, top, left, (tg_u32 *)m);
          tg_winograd_tile_inputs((const int8_t *)m, channels, TG_WINOGRAD_TILE_W * channels, v, filled, lines);
        }
        tg_conv2d_winograd_s8_corners(p, lines + TG_WINOGRAD_TILE_LINES, corners);
        const tg_u32 *u = (const tg_u32 *)filter;
        const tg_i32 *constants = bias;
        int8_t *to = output + (y * p->out_w + x) * out_c;
        const int32_t rows = tg_min(p->out_h - y, 2);
        const int32_t columns = tg_min(p->out_w - x, 4);
        TG_COMPACT
        for (int32_t channel = 0; channel < out_c; channel += TG_WINOGRAD_TILE_BLOCK) {
          tg_winograd_tile_products(v, u, filled, (tg_u32 *)m);
          tg_conv2d_winograd_s8_outputs(p, (const tg_u32 *)m, corners, constants,
                                        tg_min(out_c - channel, TG_WINOGRAD_TILE_BLOCK), rows, columns, to);
          u += TG_WINOGRAD_TILE_PLACES * TG_WINOGRAD_TILE_BLOCK / 2 * filled;
          constants += TG_WINOGRAD_TILE_BLOCK * TG_WINOGRAD_BIASES;
          to += TG_WINOGRAD_TILE_BLOCK;
        }
        left += 4;
      }
      top += 2;
    }
    input += p->in_h * row;
    output += p->out_h * p->out_w * out_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_WINOGRAD_BIASES
#undef TG_WINOGRAD_FINISH
