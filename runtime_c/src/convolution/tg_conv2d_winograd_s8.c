/* 2-D convolution of ARMv6-M's kind by windows of 3x3 with steps of 1, by Winograd's algorithm in exact integers (Lavin and
 * Gray, Fast Algorithms for Convolutional Neural Networks, 2016): F(2, 3) along columns, F(4, 3) along rows, 24 products for
 * 72. With pool, the maximum of each 2x2 block.
 *
 * A tile is two rows of four outputs. Its 4x6 inputs d become V = B'd C, sums of inputs that fit 16 bits; a filter g became,
 * when the network was compiled, U = F g H', with F and H that have no fractions and fit 16 bits too. M = sum over channels
 * of U * V, number by number, and what comes of M is 48 times what the window sums to. All of it is computed modulo 2^32:
 * whatever overflows on the way, the inverse of 3 there and a shift by four end it exactly, as sums have 27 bits.
 *
 * One tile and eight output channels at once. Places of the tile are numbered down its columns. V: three times eight places,
 * of each input channel eight halfwords. filter: for each eight output channels, of each place and input channel four words
 * of two channels. Input channels are filled up to a multiple of eight, where U is zero.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_requantize_by), after its bias. */
#include "tg_compact.h"
#include "tg_copy.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#define TG_WINOGRAD_W 6 /* pixels of a tile's inputs */
#define TG_WINOGRAD_H 4
#define TG_WINOGRAD_PLACES 24
#define TG_WINOGRAD_BLOCK 8 /* output channels at once */
#define TG_WINOGRAD_THIRD 0xAAAAAAABu /* times 3: 1 modulo 2^32 */

/* All products of a tile and eight output channels: to m, at each place the sums of the eight. channels: with those that
 * fill them up. */
#if TG_ARMV6M_LOOPS

/* An input channel: 32 cycles for eight products. Sums are in r8 to r12, lr, r6 and r7; r0 is how far V lies from U. */
#define TG_WINOGRAD_CHANNEL    \
  "ldrsh r2, [r0, r1]\n\t"     \
  "ldmia r1!, {r3, r4}\n\t"    \
  "asrs r5, r3, #16\n\t"       \
  "sxth r3, r3\n\t"            \
  "muls r3, r2, r3\n\t"        \
  "add r8, r3\n\t"             \
  "muls r5, r2, r5\n\t"        \
  "add r9, r5\n\t"             \
  "asrs r5, r4, #16\n\t"       \
  "sxth r4, r4\n\t"            \
  "muls r4, r2, r4\n\t"        \
  "add r10, r4\n\t"            \
  "muls r5, r2, r5\n\t"        \
  "add r11, r5\n\t"            \
  "ldmia r1!, {r3, r4}\n\t"    \
  "asrs r5, r3, #16\n\t"       \
  "sxth r3, r3\n\t"            \
  "muls r3, r2, r3\n\t"        \
  "add r12, r3\n\t"            \
  "muls r5, r2, r5\n\t"        \
  "add lr, r5\n\t"             \
  "asrs r5, r4, #16\n\t"       \
  "sxth r4, r4\n\t"            \
  "muls r4, r2, r4\n\t"        \
  "adds r6, r6, r4\n\t"        \
  "muls r5, r2, r5\n\t"        \
  "adds r7, r7, r5\n\t"

static TG_APART void tg_conv2d_winograd_s8_products(const tg_i16 *v, const tg_u32 *u, int32_t channels, tg_u32 *m) {
  register const tg_i16 *r0 __asm__("r0") = v;
  register const tg_u32 *r1 __asm__("r1") = u;
  register int32_t r2 __asm__("r2") = channels;
  register tg_u32 *r3 __asm__("r3") = m;
  __asm__ volatile(
      ".syntax unified\n\t"
      "lsls r2, r2, #4\n\t"
      "movs r4, #24\n\t"
      "mov r5, r7\n\t"
      "subs r0, r0, r1\n\t"
      "push {r1, r2, r3, r4, r5}\n" /* the place's end, bytes of a place, m, places, r7 */
      "1:\n\t"
      "ldr r3, [sp, #4]\n\t"
      "adds r3, r1, r3\n\t"
      "str r3, [sp]\n\t"
      "movs r6, #0\n\t"
      "movs r7, #0\n\t"
      "mov r8, r6\n\t"
      "mov r9, r6\n\t"
      "mov r10, r6\n\t"
      "mov r11, r6\n\t"
      "mov r12, r6\n\t"
      "mov lr, r6\n"
      "2:\n\t"
      ".rept 8\n\t"
      TG_WINOGRAD_CHANNEL
      ".endr\n\t"
      "ldr r3, [sp]\n\t"
      "cmp r1, r3\n\t"
      "beq 3f\n\t"
      "b 2b\n"
      "3:\n\t"
      "ldr r5, [sp, #8]\n\t"
      "mov r2, r8\n\t"
      "mov r3, r9\n\t"
      "mov r4, r10\n\t"
      "stmia r5!, {r2, r3, r4}\n\t"
      "mov r2, r11\n\t"
      "mov r3, r12\n\t"
      "mov r4, lr\n\t"
      "stmia r5!, {r2, r3, r4, r6, r7}\n\t"
      "str r5, [sp, #8]\n\t"
      "ldr r4, [sp, #12]\n\t"
      "subs r4, r4, #1\n\t"
      "beq 5f\n\t"
      "str r4, [sp, #12]\n\t"
      "lsls r4, r4, #29\n\t"
      "bne 4f\n\t"
      "subs r0, r0, #14\n\t" /* to the next eight places */
      "b 1b\n"
      "4:\n\t"
      "ldr r4, [sp, #4]\n\t"
      "subs r0, r0, r4\n\t"
      "adds r0, r0, #2\n\t"
      "b 1b\n"
      "5:\n\t"
      "ldr r7, [sp, #16]\n\t"
      "add sp, sp, #20\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_conv2d_winograd_s8_products(const tg_i16 *v, const tg_u32 *u, int32_t channels, tg_u32 *m) {
  for (int32_t place = 0; place < TG_WINOGRAD_PLACES; place++) {
    const tg_i16 *x = v + (place >> 3) * 8 * channels + (place & 7);
    uint32_t sums[TG_WINOGRAD_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int32_t channel = 0; channel < channels; channel++) {
      const uint32_t factor = (uint32_t)*x;
      for (int32_t i = 0; i < TG_WINOGRAD_BLOCK; i += 2) {
        const uint32_t word = *u++;
        sums[i] += (uint32_t)tg_half(word, 0) * factor;
        sums[i + 1] += (uint32_t)tg_half(word, 1) * factor;
      }
      x += 8;
    }
    for (int32_t i = 0; i < TG_WINOGRAD_BLOCK; i++) {
      *m++ = sums[i];
    }
  }
}

#endif

/* A row of V, of which the eighth places are step halfwords apart. */
static inline void tg_conv2d_winograd_s8_line(const tg_i32 *d, tg_i16 *v, int32_t step) {
  const int32_t rest = d[4] - d[2];
  const int32_t twice = 2 * (d[3] - d[1]);
  const int32_t a = 4 * d[2] - d[4];
  const int32_t b = 4 * d[1] - d[3];
  v[0] = (tg_i16)(4 * (d[0] - d[2]) + rest);
  v[4] = (tg_i16)(a + b);
  v += step;
  v[0] = (tg_i16)(a - b);
  v[4] = (tg_i16)(rest + twice);
  v += step;
  v[0] = (tg_i16)(rest - twice);
  v[4] = (tg_i16)(d[5] - d[3] - 2 * twice);
}

/* V of a tile whose inputs begin at x; filled: channels with those that fill them up. */
static TG_APART void tg_conv2d_winograd_s8_inputs(const int8_t *x, int32_t channels, int32_t row, tg_i16 *v,
                                                  int32_t filled) {
  TG_COMPACT
  for (int32_t left = channels; left > 0; left--) {
    int32_t lines[TG_WINOGRAD_H * TG_WINOGRAD_W];
    const int8_t *from = x;
    TG_COMPACT
    for (int32_t column = 0; column < TG_WINOGRAD_W; column++) {
      const int32_t a = from[0];
      const int32_t b = from[row];
      const int32_t c = from[2 * row];
      const int32_t d = from[3 * row];
      lines[column] = a - c;
      lines[TG_WINOGRAD_W + column] = b + c;
      lines[2 * TG_WINOGRAD_W + column] = c - b;
      lines[3 * TG_WINOGRAD_W + column] = b - d;
      from += channels;
    }
    TG_COMPACT
    for (int32_t line = 0; line < TG_WINOGRAD_H; line++) {
      tg_conv2d_winograd_s8_line(lines + TG_WINOGRAD_W * line, v + line, 8 * filled);
    }
    x++;
    v += 8;
  }
}

/* The inputs of a tile at (top, left), which the image cuts, with what lies outside. */
static TG_SMALL TG_APART void tg_conv2d_winograd_s8_gather(const tg_conv2d_winograd_s8_params *p, const int8_t *image,
                                                           int32_t top, int32_t left, int8_t *to) {
  const int32_t channels = p->in_c;
  const int8_t outside = (int8_t)p->in_offset;
  TG_COMPACT
  for (int32_t y = top; y < top + TG_WINOGRAD_H; y++) {
    TG_COMPACT
    for (int32_t x = left; x < left + TG_WINOGRAD_W; x++) {
      if (y >= 0 && y < p->in_h && x >= 0 && x < p->in_w) {
        tg_copy_run(image + (y * p->in_w + x) * channels, to, (uint32_t)channels);
      } else {
        TG_COMPACT
        for (int32_t i = 0; i < channels; i++) {
          to[i] = outside;
        }
      }
      to += channels;
    }
  }
}

/* The sums of a channel's two rows of outputs, without the bias, from its M, which are eight words apart. Before it is
 * shifted, a sum is 48, 24, 12 and 12 times what it is at last, as far as it stands from the left. */
static inline void tg_conv2d_winograd_s8_sums(const tg_u32 *m, tg_i32 *sums) {
  uint32_t rows[2][TG_WINOGRAD_W];
  for (int32_t i = 0; i < TG_WINOGRAD_W; i++) {
    const uint32_t b = m[8];
    const uint32_t c = m[16];
    rows[0][i] = m[0] + b + c;
    rows[1][i] = b - c - m[24];
    m += 32;
  }
  for (int32_t i = 0; i < 2; i++) {
    const uint32_t *r = rows[i];
    const uint32_t outer = r[1] - r[2];
    const uint32_t inner = r[3] - r[4];
    const uint32_t both = r[1] + r[2];
    const uint32_t sum = r[3] + r[4];
    sums[0] = (int32_t)((2 * (r[0] + 2 * both) + sum) * TG_WINOGRAD_THIRD) >> 4;
    sums[1] = (int32_t)((2 * outer + inner) * TG_WINOGRAD_THIRD) >> 3;
    sums[2] = (int32_t)((both + sum) * TG_WINOGRAD_THIRD) >> 2;
    sums[3] = (int32_t)((outer + 2 * (inner + r[5])) * TG_WINOGRAD_THIRD) >> 2;
    sums += 4;
  }
}

#if TG_PER_CHANNEL
#define TG_WINOGRAD_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#define TG_WINOGRAD_FINISH(sum) \
  tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum, words + 1, TG_EPILOGUE_GLOW_CENTER(p->out_offset)), p->act_min, p->act_max)
#else
#define TG_WINOGRAD_BIASES 1
#define TG_WINOGRAD_FINISH(sum) \
  tg_requantize_folded(sum, p->out.pre, p->out.multiplier, round, p->out.post, p->act_min, p->act_max)
#endif

/* A channel's outputs of a tile, of which rows and columns count. */
static TG_APART void tg_conv2d_winograd_s8_finish(const tg_conv2d_winograd_s8_params *p, const tg_i32 *sums,
                                                  const tg_i32 *words, int32_t rows, int32_t columns, int8_t *output) {
  const int32_t right = p->out_c;
  const int32_t bias = words[0];
#if !TG_PER_CHANNEL
  const int32_t round = tg_folded_round(&p->out);
#endif
  if (p->pool) {
    *output = TG_WINOGRAD_FINISH(tg_max(tg_max(sums[0], sums[1]), tg_max(sums[4], sums[5])) + bias);
    if (columns > 1) {
      output[right] = TG_WINOGRAD_FINISH(tg_max(tg_max(sums[2], sums[3]), tg_max(sums[6], sums[7])) + bias);
    }
    return;
  }
  TG_COMPACT
  for (; rows > 0; rows--) {
    int8_t *to = output;
    TG_COMPACT
    for (int32_t i = 0; i < columns; i++) {
      *to = TG_WINOGRAD_FINISH(sums[i] + bias);
      to += right;
    }
    output += p->out_w * right;
    sums += 4;
  }
}

/* count of the eight channels of a tile. */
static TG_APART void tg_conv2d_winograd_s8_outputs(const tg_conv2d_winograd_s8_params *p, const tg_u32 *m,
                                                   const tg_i32 *words, int32_t count, int32_t rows, int32_t columns,
                                                   int8_t *output) {
  TG_COMPACT
  for (; count > 0; count--) {
    tg_i32 sums[8];
    tg_conv2d_winograd_s8_sums(m, sums);
    tg_conv2d_winograd_s8_finish(p, sums, words, rows, columns, output);
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
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
  tg_i16 *const v = (tg_i16 *)scratch;
  tg_i32 *const m = scratch + TG_WINOGRAD_PLACES / 2 * filled; /* and the inputs of cut tiles */
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y += height) {
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += 2 * height) {
        if (top >= 0 && left >= 0 && top + TG_WINOGRAD_H <= p->in_h && left + TG_WINOGRAD_W <= p->in_w) {
          tg_conv2d_winograd_s8_inputs(input + top * row + left * channels, channels, row, v, filled);
        } else {
          tg_conv2d_winograd_s8_gather(p, input, top, left, (int8_t *)m);
          tg_conv2d_winograd_s8_inputs((const int8_t *)m, channels, TG_WINOGRAD_W * channels, v, filled);
        }
        const tg_u32 *u = (const tg_u32 *)filter;
        const tg_i32 *constants = bias;
        int8_t *to = output + (y * p->out_w + x) * out_c;
        const int32_t rows = tg_min(p->out_h - y, 2);
        const int32_t columns = tg_min(p->out_w - x, 4);
        TG_COMPACT
        for (int32_t channel = 0; channel < out_c; channel += TG_WINOGRAD_BLOCK) {
          tg_conv2d_winograd_s8_products(v, u, filled, (tg_u32 *)m);
          tg_conv2d_winograd_s8_outputs(p, (const tg_u32 *)m, constants, tg_min(out_c - channel, TG_WINOGRAD_BLOCK), rows,
                                        columns, to);
          u += TG_WINOGRAD_PLACES * TG_WINOGRAD_BLOCK / 2 * filled;
          constants += TG_WINOGRAD_BLOCK * TG_WINOGRAD_BIASES;
          to += TG_WINOGRAD_BLOCK;
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
#undef TG_WINOGRAD_W
#undef TG_WINOGRAD_H
#undef TG_WINOGRAD_PLACES
#undef TG_WINOGRAD_BLOCK
#undef TG_WINOGRAD_THIRD
#undef TG_WINOGRAD_CHANNEL
#undef TG_WINOGRAD_BIASES
#undef TG_WINOGRAD_FINISH
