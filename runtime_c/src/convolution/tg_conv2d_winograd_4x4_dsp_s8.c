/* 2-D convolution by windows of 3x3 with steps of 1 for cores that multiply two halfwords, by Winograd's F(4x4, 3x3) in exact
 * integers (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): 36 products for 144. With pool, the
 * maximum of each 2x2 block. in_c is a multiple of four.
 *
 * A tile is 4x4 outputs. Its 6x6 inputs d become V = B'd B, at most 12,800; a filter g became, when the network was compiled,
 * U = G g G', at most 12,495, with G = 6 0 0, -1 -1 -1, -1 1 -1, 1 2 4, 1 -2 4, 0 0 6. M = sum over channels of U * V, number
 * by number, and A'M A is each window's sum times 9 and a power of two. All this is done modulo 2**32: a multiplication by
 * the inverse of 9 and a shift by at most six leave the sum, as long as 64 times the sum fits 32 bits.
 *
 * V: for each four input channels and each of 36 places the word of channels 0 and 2, then that of 1 and 3. filter: for each
 * four output channels, of each place and two input channels four words. Input channels are filled up to a multiple of
 * eight. After the filter lie three more words: the next ones are read before the last are used.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), after its bias. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_winograd_4x4.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_WINOGRAD_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP
#if !TG_EPILOGUE_GLOW_FUSED && TG_EPILOGUE_GLOW_SHIFTED
#define TG_WINOGRAD_SHORT
#endif
#endif
#if defined(TG_WINOGRAD_SHORT)
/* By the words of tg_epilogue_last.h, with what it takes in single instructions. */
static inline int8_t tg_conv2d_winograd_4x4_dsp_s8_last(int32_t x, const tg_i32 *words, int32_t center) {
  int32_t spare;
  __asm__(TG_EPILOGUE_GLOW_PRODUCT("%0", "%1", "%2", "%3") "asr %0, %0, %4\n\t" TG_EPILOGUE_GLOW_SATURATE("%0")
          : "+&r"(x), "=&r"(spare)
          : "r"(words[0]), "r"(tg_epilogue_last_plus(words, center)), "r"(words[1])
          : "cc");
  return (int8_t)x;
}
#define TG_WINOGRAD_FINISH(sum) \
  tg_conv2d_winograd_4x4_dsp_s8_last(sum, own + 1, TG_EPILOGUE_GLOW_HIGH_CENTER(offset))
#else
#define TG_WINOGRAD_FINISH(sum) \
  ((int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, own + 1, TG_EPILOGUE_GLOW_HIGH_CENTER(offset))))
#endif
#else
#define TG_WINOGRAD_BIASES 1
#define TG_WINOGRAD_FINISH(sum) ((int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset)))
#endif

/* Keeps a pointer one pointer: compilers would have one for each of a row's pixels, and not enough registers. */
#if TG_HAS_DSP
#define TG_WINOGRAD_ONE(pointer) __asm__("" : "+r"(pointer))
#else
#define TG_WINOGRAD_ONE(pointer) (void)(pointer)
#endif

/* count channels of a tile, from its products; output's rows and pixels are down and right apart. */
static TG_APART void tg_conv2d_winograd_4x4_dsp_s8_outputs(const tg_conv2d_winograd_4x4_dsp_s8_params *p,
                                                           const tg_i32 *m, const tg_i32 *words, int32_t count,
                                                           int32_t down, int32_t right, int8_t *output) {
#if TG_PER_CHANNEL
  const int32_t offset = p->out_offset;
#else
  const int32_t offset = p->out.offset;
  const uint32_t scale = p->out.pre + ((uint32_t)p->out.multiplier << (32 - p->out.post));
#endif
  const int32_t pool = p->pool;
  const int32_t below = down - 4 * right;
  TG_COMPACT
  for (; count > 0; count--) {
    tg_u32 lines[4 * TG_WINOGRAD_WINDOW];
    tg_i32 own[TG_WINOGRAD_BIASES];
    const tg_u32 *line = lines;
    uint32_t factor = TG_WINOGRAD_INVERSE;
    int8_t *to = output;
    tg_winograd_4x4_lines(m, lines);
    for (int32_t i = 0; i < TG_WINOGRAD_BIASES; i++) {
      own[i] = words[i];
    }
    if (pool) {
      TG_COMPACT
      for (uint32_t more = 1; more < 2; more--) {
        int32_t above[4];
        int32_t x[4];
        tg_winograd_4x4_row(line, factor, above);
        tg_winograd_4x4_row(line + 6, factor << more, x);
        x[0] = tg_max(tg_max(above[0], above[1]), tg_max(x[0], x[1])) + own[0];
        x[2] = tg_max(tg_max(above[2], above[3]), tg_max(x[2], x[3])) + own[0];
        to[0] = TG_WINOGRAD_FINISH(x[0]);
        to[right] = TG_WINOGRAD_FINISH(x[2]);
        to += down;
        line += 12;
        factor <<= 2;
      }
    } else {
      TG_COMPACT
      for (uint32_t row = 0; row < TG_WINOGRAD_SIDE; row++) {
        int32_t x[4];
        tg_winograd_4x4_row(line, factor, x);
        for (int32_t i = 0; i < TG_WINOGRAD_SIDE; i++) {
          *to = TG_WINOGRAD_FINISH(x[i] + own[0]);
          to += right;
          TG_WINOGRAD_ONE(to);
        }
        to += below;
        line += 6;
        factor <<= (row - 2u) >> 31;
      }
    }
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
  }
}

/* The same, of which the pixels to the right and below may be outside: rows and columns of it count. */
static void tg_conv2d_winograd_4x4_dsp_s8_tile(const tg_conv2d_winograd_4x4_dsp_s8_params *p, const tg_i32 *m,
                                               const tg_i32 *words, int32_t count, int32_t rows, int32_t columns,
                                               int8_t *output) {
  const int32_t right = p->out_c;
  const int32_t down = p->out_w * right;
  const int32_t size = p->pool ? TG_WINOGRAD_SIDE / 2 : TG_WINOGRAD_SIDE;
  if (rows >= size && columns >= size) {
    tg_conv2d_winograd_4x4_dsp_s8_outputs(p, m, words, count, down, right, output);
    return;
  }
  TG_COMPACT
  for (; count > 0; count--) {
    int8_t all[TG_WINOGRAD_SIDE * TG_WINOGRAD_SIDE];
    tg_conv2d_winograd_4x4_dsp_s8_outputs(p, m, words, 1, TG_WINOGRAD_SIDE, 1, all);
    TG_COMPACT
    for (int32_t y = 0; y < tg_min(rows, size); y++) {
      TG_COMPACT
      for (int32_t x = 0; x < tg_min(columns, size); x++) {
        output[y * down + x * right] = all[TG_WINOGRAD_SIDE * y + x];
      }
    }
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
  }
}

TG_SMALL
void tg_conv2d_winograd_4x4_dsp_s8(const tg_conv2d_winograd_4x4_dsp_s8_params *p, const int8_t *input,
                                   const tg_i32 *filter, const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t out_c = p->out_c;
  const int32_t row = p->in_w * channels;
  const int32_t fours = (channels + 7) >> 3 << 1;
  const int32_t outputs = p->out_h * p->out_w * out_c;
  const int32_t size = p->pool ? TG_WINOGRAD_SIDE / 2 : TG_WINOGRAD_SIDE;
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  tg_u32 *const v = (tg_u32 *)scratch;
  tg_i32 *const m = scratch + 2 * TG_WINOGRAD_PLACES * fours;
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y += size) {
      const uint32_t rows = tg_winograd_4x4_inside(top, p->in_h);
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += size) {
        const uint32_t columns = tg_winograd_4x4_inside(left, p->in_w);
        tg_winograd_4x4_inputs(input, top * row + left * channels, channels, row, rows | columns << TG_WINOGRAD_WINDOW,
                               outside, v);
        const tg_i32 *u = filter;
        const tg_i32 *constants = bias;
        int8_t *to = output + (y * p->out_w + x) * out_c;
        TG_COMPACT
        for (int32_t channel = 0; channel < out_c; channel += 4) {
          tg_winograd_4x4_products(v, u, fours, m);
          tg_conv2d_winograd_4x4_dsp_s8_tile(p, m, constants, tg_min(out_c - channel, 4), p->out_h - y,
                                             p->out_w - x, to);
          u += 4 * TG_WINOGRAD_PLACES * 2 * fours;
          constants += 4 * TG_WINOGRAD_BIASES;
          to += 4;
        }
        left += TG_WINOGRAD_SIDE;
      }
      top += TG_WINOGRAD_SIDE;
    }
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
    input += p->in_h * row;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_WINOGRAD_BIASES
#undef TG_WINOGRAD_SHORT
#undef TG_WINOGRAD_FINISH
#undef TG_WINOGRAD_ONE
