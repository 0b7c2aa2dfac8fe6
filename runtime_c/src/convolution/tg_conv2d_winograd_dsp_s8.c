/* 2-D convolution by windows of 3x3 with steps of 1 for cores that multiply two halfwords, by Winograd's F(2x2, 3x3) in exact
 * integers (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): 16 products for 36. With pool, the
 * maximum of each 2x2 block. in_c is a multiple of four.
 *
 * A tile is 2x2 outputs. Its 4x4 inputs d become V = B'd B, whose numbers are sums of four inputs; a filter g became, when the
 * network was compiled, U = (2G) g (2G)', with no fractions. Both fit 16 bits. M = sum over channels of U * V, number by number,
 * and A'M A is four times what the window sums to, so that a shift by two is exact.
 *
 * Two tiles beside each other and four output channels at once. V: for each of 16 places and two input channels the words of
 * both tiles; filter: for each four output channels, of each place and two input channels four words. Input channels are
 * in the order in which SXTB16 takes bytes apart, and filled up to a multiple of eight, where U is zero. After the filter lie
 * two more words: the next ones are read before the last are used.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), after its bias. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

/* Pixels of the inputs of two tiles. */
#define TG_TILES_W 6
#define TG_TILES_H 4

/* All products of two tiles and four output channels: to m, at each place the sums of the first tile's channels and of the
 * second's. words: of V at one place. */
#if TG_HAS_DSP

/* Two input channels, of which the words begin at v and u; the words of both tiles to r10 and r11, of the channels to r12
 * and lr. On the M4 17 cycles for 16 products, 9 of them for 6 loads. On the M7 8, with the loads beside the products: the
 * first words are in registers, and the next ones' places are given. */
#define TG_WINOGRAD_ADD(sum, a, b) "smlad " sum ", " a ", " b ", " sum "\n\t"
#define TG_WINOGRAD_BEGIN(sum, a, b) "smuad " sum ", " a ", " b "\n\t"
#if TG_DUAL_ISSUE
#define TG_WINOGRAD_PAIR(OF, v, u, next_v, next_u, next_u2, slot, slot2) \
  OF("r2", "r10", "r12")           \
  "ldr r11, [r0, #" v " + 4]\n\t"        \
  OF("r3", "r10", "lr") slot       \
  OF("r6", "r11", "r12")           \
  "ldr r12, [r1, #" u " + 8]\n\t"        \
  OF("r7", "r11", "lr")            \
  "ldr lr, [r1, #" u " + 12]\n\t"        \
  OF("r4", "r10", "r12") slot2     \
  OF("r8", "r11", "r12")           \
  "ldr r12, [r1, #" next_u "]\n\t"       \
  OF("r5", "r10", "lr")            \
  "ldr r10, [r0, #" next_v "]\n\t"       \
  OF("r9", "r11", "lr")            \
  "ldr lr, [r1, #" next_u2 "]\n\t"
#define TG_WINOGRAD_FIRST  \
  "ldr r10, [r0]\n\t"      \
  "ldrd r12, lr, [r1]\n\t" \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_BEGIN, "0", "0", "8", "16", "20", "", "")
#define TG_WINOGRAD_LOOP                                                                 \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "0", "0", "8", "16", "20", "", "")                                    \
  "3:\n\t"                                                                                                \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "8", "16", "16", "32", "36", "", "")                                  \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "16", "32", "24", "48", "52", "", "")                                 \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "24", "48", "0", "0", "4", "adds r0, r0, #32\n\t", "adds r1, r1, #64\n\t") \
  "ldr r11, [sp]\n\t"                                                                    \
  "cmp r0, r11\n\t"                                                                      \
  "bne 2b\n\t"                                                                           \
  "mov r10, r11\n\t"
#else
#define TG_WINOGRAD_PAIR(OF, v, u)                \
  "ldrd r10, r11, [r0, #" v "]\n\t"           \
  "ldrd r12, lr, [r1, #" u "]\n\t"            \
  OF("r2", "r10", "r12")                \
  OF("r3", "r10", "lr")                 \
  OF("r6", "r11", "r12")                \
  OF("r7", "r11", "lr")                 \
  "ldrd r12, lr, [r1, #" u " + 8]\n\t"        \
  OF("r4", "r10", "r12")                \
  OF("r5", "r10", "lr")                 \
  OF("r8", "r11", "r12")                \
  OF("r9", "r11", "lr")
#define TG_WINOGRAD_FIRST TG_WINOGRAD_PAIR(TG_WINOGRAD_BEGIN, "0", "0")
#define TG_WINOGRAD_LOOP                                                                      \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "0", "0")    \
  "3:\n\t"                                       \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "8", "16")   \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "16", "32")  \
  TG_WINOGRAD_PAIR(TG_WINOGRAD_ADD, "24", "48")  \
  "ldr r10, [sp]\n\t"                                                                         \
  "adds r0, r0, #32\n\t"                                                                      \
  "adds r1, r1, #64\n\t"                                                                      \
  "cmp r0, r10\n\t"                                                                           \
  "bne 2b\n\t"
#endif

static TG_APART void tg_conv2d_winograd_dsp_s8_products(const tg_u32 *v, const tg_i32 *u, int32_t words, tg_i32 *m) {
  register const tg_u32 *r0 __asm__("r0") = v;
  register const tg_i32 *r1 __asm__("r1") = u;
  register int32_t r2 __asm__("r2") = words;
  register tg_i32 *r3 __asm__("r3") = m;
  __asm__ volatile(
      ".syntax unified\n\t"
      "lsl r4, r2, #2\n\t"
      "mov r5, r7\n\t"
      "add r2, r0, r4\n\t"
      "add r6, r0, r4, lsl #4\n\t"
      "push {r2, r3, r4, r5, r6, r8}\n\t" /* the place's end, m, bytes of a place, r7, the end */
      ".p2align 2\n"
      "1:\n\t"
      TG_WINOGRAD_FIRST
      "b 3f\n"
      ".p2align 2\n"
      "2:\n\t"
      TG_WINOGRAD_LOOP
      "ldrd r11, r12, [sp, #4]\n\t"
      "ldr lr, [sp, #16]\n\t"
      "stm r11!, {r2, r3, r4, r5, r6, r7, r8, r9}\n\t"
      "add r10, r10, r12\n\t"
      "strd r10, r11, [sp]\n\t"
      "cmp r0, lr\n\t"
      "bne 1b\n\t"
      "ldr r7, [sp, #12]\n\t"
      "add sp, sp, #24\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_conv2d_winograd_dsp_s8_products(const tg_u32 *v, const tg_i32 *u, int32_t words, tg_i32 *m) {
  for (int32_t place = 0; place < 16; place++) {
    uint32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int32_t i = 0; i < words; i += 2) {
      for (int32_t channel = 0; channel < 4; channel++) {
        sums[channel] = tg_dot2(v[0], (uint32_t)u[channel], sums[channel]);
        sums[4 + channel] = tg_dot2(v[1], (uint32_t)u[channel], sums[4 + channel]);
      }
      v += 2;
      u += 4;
    }
    for (int32_t i = 0; i < 8; i++) {
      *m++ = (int32_t)sums[i];
    }
  }
}

#endif

/* A line of V from four numbers: the products' places along one side. */
#define TG_WINOGRAD_LINE(to, step, a, b, c, d)                    \
  (to)[0] = tg_halves_less(a, c);                 \
  (to)[step] = tg_halves_plus(b, c);               \
  (to)[2 * (step)] = tg_halves_less(c, b);        \
  (to)[3 * (step)] = tg_halves_less(b, d)

/* V of two tiles whose inputs begin at x; words: of V at one place. */
static TG_APART void tg_conv2d_winograd_dsp_s8_inputs(const int8_t *x, int32_t channels, int32_t row, tg_u32 *v,
                                                      int32_t words) {
  for (int32_t left = channels; left > 0; left -= 4) {
    uint32_t even[TG_TILES_W * TG_TILES_H];
    uint32_t odd[TG_TILES_W * TG_TILES_H];
    const int8_t *from = x;
    TG_COMPACT
    for (int32_t column = 0; column < TG_TILES_W; column++) {
      const uint32_t a = tg_load4(from);
      const uint32_t b = tg_load4(from + row);
      const uint32_t c = tg_load4(from + 2 * row);
      const uint32_t d = tg_load4(from + 3 * row);
      const uint32_t even_b = tg_even(b);
      const uint32_t even_c = tg_even(c);
      TG_WINOGRAD_LINE(even + column, TG_TILES_W, tg_even(a), even_b, even_c, tg_even(d));
      const uint32_t odd_b = tg_odd(b);
      const uint32_t odd_c = tg_odd(c);
      TG_WINOGRAD_LINE(odd + column, TG_TILES_W, tg_odd(a), odd_b, odd_c, tg_odd(d));
      from += channels;
    }
    tg_u32 *to = v;
    TG_COMPACT
    for (int32_t line = 0; line < TG_TILES_W * TG_TILES_H; line += TG_TILES_W) {
      const tg_u32 *e = even + line;
      const tg_u32 *o = odd + line;
      TG_WINOGRAD_LINE(to, words, e[0], e[1], e[2], e[3]);
      TG_WINOGRAD_LINE(to + 1, words, e[2], e[3], e[4], e[5]);
      TG_WINOGRAD_LINE(to + 2, words, o[0], o[1], o[2], o[3]);
      TG_WINOGRAD_LINE(to + 3, words, o[2], o[3], o[4], o[5]);
      to += 4 * words;
    }
    x += 4;
    v += 4;
  }
}

/* The inputs of two tiles at (top, left), which the image cuts, with what lies outside. */
static TG_SMALL TG_APART void tg_conv2d_winograd_dsp_s8_gather(const tg_conv2d_winograd_dsp_s8_params *p,
                                                               const int8_t *image, int32_t top, int32_t left,
                                                               int8_t *to) {
  const int32_t channels = p->in_c;
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  const int32_t begin = tg_min(tg_max(-left, 0), TG_TILES_W);
  const int32_t inside = tg_max(tg_min(p->in_w - left, TG_TILES_W) - begin, 0);
  TG_COMPACT
  for (int32_t y = top; y < top + TG_TILES_H; y++) {
    int32_t behind = TG_TILES_W;
    if (y >= 0 && y < p->in_h && inside > 0) {
      to = tg_dsp_set(to, begin * channels, outside);
      to = tg_dsp_copy(to, image + (y * p->in_w + left + begin) * channels, inside * channels);
      behind -= begin + inside;
    }
    to = tg_dsp_set(to, behind * channels, outside);
  }
}

/* The four sums of a tile and a channel, from its products, which are eight words apart, and the bias. */
static inline void tg_conv2d_winograd_dsp_s8_sums(const tg_i32 *m, int32_t bias, tg_i32 *sums) {
  uint32_t upper[4];
  uint32_t lower[4];
  for (int32_t i = 0; i < 4; i++) {
    const uint32_t b = (uint32_t)m[8 * i + 32];
    const uint32_t c = (uint32_t)m[8 * i + 64];
    upper[i] = (uint32_t)m[8 * i] + b + c;
    lower[i] = b - c - (uint32_t)m[8 * i + 96];
  }
  sums[0] = ((int32_t)(upper[0] + upper[1] + upper[2]) >> 2) + bias;
  sums[1] = ((int32_t)(upper[1] - upper[2] - upper[3]) >> 2) + bias;
  sums[2] = ((int32_t)(lower[0] + lower[1] + lower[2]) >> 2) + bias;
  sums[3] = ((int32_t)(lower[1] - lower[2] - lower[3]) >> 2) + bias;
}

#if TG_PER_CHANNEL
#define TG_WINOGRAD_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#define TG_WINOGRAD_FINISH(sum) \
  ((int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, words + 1, TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset))))
#else
#define TG_WINOGRAD_BIASES 1
#define TG_WINOGRAD_FINISH(sum) ((int8_t)tg_saturate_s8(tg_scale_high(sum, scale, p->out.offset)))
#endif

/* count channels of a tile, of which the pixels to the right and below may be outside: rows and columns of it count. */
static TG_APART void tg_conv2d_winograd_dsp_s8_outputs(const tg_conv2d_winograd_dsp_s8_params *p, const tg_i32 *m,
                                                       const tg_i32 *words, int32_t count, int32_t rows,
                                                       int32_t columns, int8_t *output) {
  const int32_t right = p->out_c;
  const int32_t down = p->out_w * right;
#if !TG_PER_CHANNEL
  const uint32_t scale = p->out.pre + ((uint32_t)p->out.multiplier << (32 - p->out.post));
#endif
  TG_COMPACT
  for (; count > 0; count--) {
    int32_t sums[4];
    tg_conv2d_winograd_dsp_s8_sums(m, words[0], sums);
    if (p->pool) {
      *output = TG_WINOGRAD_FINISH(tg_max(tg_max(sums[0], sums[1]), tg_max(sums[2], sums[3])));
    } else {
      *output = TG_WINOGRAD_FINISH(sums[0]);
      if (columns > 1) {
        output[right] = TG_WINOGRAD_FINISH(sums[1]);
      }
      if (rows > 1) {
        output[down] = TG_WINOGRAD_FINISH(sums[2]);
        if (columns > 1) {
          output[down + right] = TG_WINOGRAD_FINISH(sums[3]);
        }
      }
    }
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
  }
}

TG_SMALL
void tg_conv2d_winograd_dsp_s8(const tg_conv2d_winograd_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                               const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t out_c = p->out_c;
  const int32_t row = p->in_w * channels;
  const int32_t words = (channels + 7) & ~7;
  const int32_t outputs = p->out_h * p->out_w * out_c;
  const int32_t size = p->pool ? 1 : 2; /* of a tile's outputs */
  tg_u32 *const v = (tg_u32 *)scratch;
  tg_i32 *const m = scratch + 16 * words; /* and the inputs of cut tiles */
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y += size) {
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += 2 * size) {
        if (top >= 0 && left >= 0 && top + TG_TILES_H <= p->in_h && left + TG_TILES_W <= p->in_w) {
          tg_conv2d_winograd_dsp_s8_inputs(input + top * row + left * channels, channels, row, v, words);
        } else {
          tg_conv2d_winograd_dsp_s8_gather(p, input, top, left, (int8_t *)m);
          tg_conv2d_winograd_dsp_s8_inputs((const int8_t *)m, channels, TG_TILES_W * channels, v, words);
        }
        const tg_i32 *u = filter;
        const tg_i32 *constants = bias;
        int8_t *to = output + (y * p->out_w + x) * out_c;
        TG_COMPACT
        for (int32_t channel = 0; channel < out_c; channel += 4) {
          const int32_t count = tg_min(out_c - channel, 4);
          tg_conv2d_winograd_dsp_s8_products(v, u, words, m);
          tg_conv2d_winograd_dsp_s8_outputs(p, m, constants, count, p->out_h - y, p->out_w - x, to);
          if (x + size < p->out_w) {
            tg_conv2d_winograd_dsp_s8_outputs(p, m + 4, constants, count, p->out_h - y, p->out_w - x - size,
                                              to + size * out_c);
          }
          u += 32 * words;
          constants += 4 * TG_WINOGRAD_BIASES;
          to += 4;
        }
        left += 4;
      }
      top += 2;
    }
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
    input += p->in_h * row;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_TILES_W
#undef TG_TILES_H
#undef TG_WINOGRAD_ADD
#undef TG_WINOGRAD_BEGIN
#undef TG_WINOGRAD_PAIR
#undef TG_WINOGRAD_FIRST
#undef TG_WINOGRAD_LOOP
#undef TG_WINOGRAD_LINE
#undef TG_WINOGRAD_BIASES
#undef TG_WINOGRAD_FINISH
