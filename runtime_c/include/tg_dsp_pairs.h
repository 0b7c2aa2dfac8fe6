/* Four pixels and two channels of a convolution at once, two products an instruction, a halfword being a term of both
 * channels.
 *
 * Columns: the inputs of four pixels as 16-bit numbers. Each group of four taps is eight words: taps {0, 2} of pixels 0
 * to 3, then taps {1, 3} of them, as SXTB16 takes bytes apart.
 *
 * Filters: for each pair of channels and each group two words, of taps {0, 2} and of taps {1, 3}. The lower byte of a
 * halfword is the even channel's byte plus 128, the upper the odd channel's. As a signed number it is 256 times the odd
 * byte plus the lower one. So a word multiplies inputs as it is, and again as its lower bytes alone: the sums differ by
 * 256 times the odd channel's, which the compiler proves to stay within 32 bits. A weight is its byte minus the filter's
 * offset; what that and the 128 add to a sum is known from the sum of the pixel's inputs. Where groups are filled up,
 * weights are zero. The next words are read before the last are used: after the filters lie eight more bytes, after the
 * columns the first two words again. Instructions begin with these, so that they need not lie at the beginning: see
 * tg_dsp_side_by_side. C begins at the beginning. */
#ifndef TG_DSP_PAIRS_H
#define TG_DSP_PAIRS_H

#include <stdint.h>

#include "tg_dsp.h"
#include "tg_numerics.h"

/* What four sums of lower bytes, and of whole halfwords, begin with for each unit of a pixel's inputs. */
#define TG_DSP_LOW_MINUS(filter_offset) (-(filter_offset)-128)
#define TG_DSP_WHOLE_MINUS(filter_offset) (-257 * (filter_offset)-128)

/* What all channels of four pixels are computed from; the code below knows the order. */
typedef struct {
  int32_t groups;
  const tg_i32 *bias;
  int8_t *output;
  const int8_t *end; /* of the filters of whole pairs; one more where a channel is left */
  int32_t scale;     /* of all channels: multiplier / 2**post, times 2**32 */
  uint32_t pre;      /* the shift of all channels before the multiplication; the sign bit: there is a pool */
  int32_t offset;
  int32_t places[3]; /* of pixels 1 to 3, from pixel 0's; those that do not count take the place of the last that does */
  const tg_u32 *columns; /* for instructions their end */
  tg_u32 low[4];   /* the sum of each pixel's inputs, times TG_DSP_LOW_MINUS */
  tg_u32 whole[4]; /* times TG_DSP_WHOLE_MINUS */
} tg_dsp_pair_tile;

/* low holds the sums of pixels' inputs, which become what the channels' sums begin with. */
TG_INLINE void tg_dsp_pair_begin(tg_dsp_pair_tile *t, uint32_t low, uint32_t whole) {
  const uint32_t sums[4] = {t->low[0], t->low[1], t->low[2], t->low[3]};
  t->low[0] = sums[0] * low;
  t->low[1] = sums[1] * low;
  t->low[2] = sums[2] * low;
  t->low[3] = sums[3] * low;
  t->whole[0] = sums[0] * whole;
  t->whole[1] = sums[1] * whole;
  t->whole[2] = sums[2] * whole;
  t->whole[3] = sums[3] * whole;
}

#if TG_HAS_DSP

/* Half of the taps of a group. The M7, which multiplies once a cycle and does something else beside, takes 8 cycles for 16
 * products; the M4 16, 7 of them for 5 loads. */
#if TG_DUAL_ISSUE
#define TG_DSP_PAIR_HALF(x2, x3, next_w, next_x0, next_x1) \
  "smlad r6, r10, r12, r6\n\t"                             \
  "uxtb16 lr, r12\n\t"                                     \
  "smlad r7, r11, r12, r7\n\t"                             \
  "smlad r2, r10, lr, r2\n\t"                              \
  "ldr r10, [r0, #" x2 "]\n\t"                             \
  "smlad r3, r11, lr, r3\n\t"                              \
  "ldr r11, [r0, #" x3 "]\n\t"                             \
  "smlad r8, r10, r12, r8\n\t"                             \
  "smlad r9, r11, r12, r9\n\t"                             \
  "ldr r12, [r1, #" next_w "]\n\t"                         \
  "smlad r4, r10, lr, r4\n\t"                              \
  "ldr r10, [r0, #" next_x0 "]\n\t"                        \
  "smlad r5, r11, lr, r5\n\t"                              \
  "ldr r11, [r0, #" next_x1 "]\n\t"
#define TG_DSP_PAIR_LAST            \
  "smlad r6, r10, r12, r6\n\t"      \
  "uxtb16 lr, r12\n\t"              \
  "smlad r7, r11, r12, r7\n\t"      \
  "add r0, r0, #128\n\t"            \
  "smlad r2, r10, lr, r2\n\t"       \
  "ldr r10, [r0, #-8]\n\t"          \
  "smlad r3, r11, lr, r3\n\t"       \
  "ldr r11, [r0, #-4]\n\t"          \
  "smlad r4, r10, lr, r4\n\t"       \
  "smlad r5, r11, lr, r5\n\t"       \
  "ldr lr, [sp]\n\t"                \
  "smlad r8, r10, r12, r8\n\t"      \
  "ldr r10, [r0]\n\t"               \
  "smlad r9, r11, r12, r9\n\t"      \
  "cmp r0, lr\n\t"                  \
  "ldr r12, [r1, #32]!\n\t"         \
  "ldr r11, [r0, #4]\n\t"
#else
#define TG_DSP_PAIR_PRODUCTS(x2, x3, between) \
  "uxtb16 lr, r12\n\t"                        \
  "smlad r6, r10, r12, r6\n\t"                \
  "smlad r7, r11, r12, r7\n\t"                \
  "smlad r2, r10, lr, r2\n\t"                 \
  "smlad r3, r11, lr, r3\n\t"                 \
  "ldr r10, [r0, #" x2 "]\n\t"                \
  "ldr r11, [r0, #" x3 "]\n\t" between        \
  "smlad r8, r10, r12, r8\n\t"                \
  "smlad r9, r11, r12, r9\n\t"                \
  "smlad r4, r10, lr, r4\n\t"                 \
  "smlad r5, r11, lr, r5\n\t"
#define TG_DSP_PAIR_HALF(x2, x3, next_w, next_x0, next_x1) \
  TG_DSP_PAIR_PRODUCTS(x2, x3, "")                         \
  "ldr r12, [r1, #" next_w "]\n\t"                         \
  "ldr r10, [r0, #" next_x0 "]\n\t"                        \
  "ldr r11, [r0, #" next_x1 "]\n\t"
#define TG_DSP_PAIR_LAST              \
  TG_DSP_PAIR_PRODUCTS("120", "124", "") \
  "ldr lr, [sp]\n\t"                  \
  "ldr r10, [r0, #128]!\n\t"          \
  "ldr r12, [r1, #32]!\n\t"           \
  "ldr r11, [r0, #4]\n\t"             \
  "cmp r0, lr\n\t"
#endif

/* All groups, four a turn, of which the first words are in r10 to r12 and the columns' end on the stack; entered at 1 to 4,
 * with one to three groups less at 2 to 4, pointers being as much behind. r0: columns, r1: filters; sums of the four pixels:
 * r2 to r5 of lower bytes, r6 to r9 of whole halfwords. */
#define TG_DSP_PAIR_GROUPS                          \
  "1:\n\t"                                          \
  TG_DSP_PAIR_HALF("8", "12", "4", "16", "20")      \
  TG_DSP_PAIR_HALF("24", "28", "8", "32", "36")     \
  "2:\n\t"                                          \
  TG_DSP_PAIR_HALF("40", "44", "12", "48", "52")    \
  TG_DSP_PAIR_HALF("56", "60", "16", "64", "68")    \
  "3:\n\t"                                          \
  TG_DSP_PAIR_HALF("72", "76", "20", "80", "84")    \
  TG_DSP_PAIR_HALF("88", "92", "24", "96", "100")   \
  "4:\n\t"                                          \
  TG_DSP_PAIR_HALF("104", "108", "28", "112", "116") \
  TG_DSP_PAIR_LAST                                  \
  "bne 1b\n\t"

/* The tile, in r0, to the stack, but the columns' end in place of the number of groups: 4 the biases, 8 the output, 12 the
 * filters' end, 16 scale, 20 shift and pool, 24 offset, 28 places, 40 the columns' end again; 44 the tile, from its sums
 * on. The columns' end to r0 too. */
#define TG_DSP_PAIR_ENTER                                             \
  "push {r7}\n\t"                                                     \
  "ldm r0!, {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n\t"      \
  "push {r0}\n\t"                                                     \
  "mov.w r2, r12\n\t"                                                 \
  "push {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n\t"          \
  "mov.w r0, r12\n\t"
#define TG_DSP_PAIR_LEAVE \
  "add sp, sp, #48\n\t"   \
  "pop {r7}\n\t"

/* What TG_DSP_PAIR_SUMS begins with, but the filters; columns: loads their end again, where r0 has changed. The biases lie
 * at r12. */
#define TG_DSP_PAIR_LOAD(columns) \
  "ldr lr, [sp, #44]\n\t"   \
  "ldr r12, [sp, #4]\n\t" columns \
  "ldr r2, [lr]\n\t"        \
  "ldr r3, [lr, #4]\n\t"    \
  "ldr r4, [lr, #8]\n\t"    \
  "ldr r5, [lr, #12]\n\t"   \
  "ldr r6, [lr, #16]\n\t"   \
  "ldr r7, [lr, #20]\n\t"   \
  "ldr r8, [lr, #24]\n\t"   \
  "ldr r9, [lr, #28]\n\t"   \
  "ldr r10, [r12]\n\t"      \
  "ldr r11, [r12, #4]\n\t"  \
  "ldr lr, [lr, #-44]\n\t"

/* The sums of the four pixels, of the even channel to r2 to r5 and of both, as whole halfwords, to r6 to r9. r0: the
 * columns' end, r1: filters, which become the next pair's; r2 to r9: what the sums begin with besides the biases, r10 and
 * r11: biases, lr: the number of groups. */
#define TG_DSP_PAIR_SUMS               \
  "add r11, r10, r11, lsl #8\n\t"      \
  "add r2, r2, r10\n\t"                \
  "add r3, r3, r10\n\t"                \
  "add r4, r4, r10\n\t"                \
  "add r5, r5, r10\n\t"                \
  "add r6, r6, r11\n\t"                \
  "add r7, r7, r11\n\t"                \
  "add r8, r8, r11\n\t"                \
  "add r9, r9, r11\n\t"                \
  "ldr r12, [r1]\n\t"                  \
  "ldr r10, [r0]\n\t"                  \
  "ldr r11, [r0, #4]\n\t"              \
  "sub r0, r0, lr, lsl #5\n\t"         \
  "lsls lr, lr, #30\n\t"               \
  "beq 1f\n\t"                         \
  "bmi 9f\n\t"                         \
  "sub r0, r0, #96\n\t"                \
  "sub r1, r1, #24\n\t"                \
  "b 4f\n"                             \
  "9:\n\t"                             \
  "lsls lr, lr, #1\n\t"                \
  "sub r0, r0, #32\n\t"                \
  "sub r1, r1, #8\n\t"                 \
  "bne 2f\n\t"                         \
  "sub r0, r0, #32\n\t"                \
  "sub r1, r1, #8\n\t"                 \
  "b 3f\n"                             \
  ".p2align 2\n" TG_DSP_PAIR_GROUPS

/* 256 times the odd channel's sums to r6 to r9. */
#define TG_DSP_PAIR_ODD    \
  "sub r6, r6, r2\n\t"     \
  "sub r7, r7, r3\n\t"     \
  "sub r8, r8, r4\n\t"     \
  "sub r9, r9, r5\n\t"

/* The largest sum of each channel to r2 and r6. */
#define TG_DSP_PAIR_LARGER(a, b) \
  "cmp " a ", " b "\n\t"         \
  "it lt\n\t"                    \
  "movlt " a ", " b "\n\t"
#define TG_DSP_PAIR_LARGEST                                           \
  TG_DSP_PAIR_LARGER("r2", "r3") TG_DSP_PAIR_LARGER("r6", "r7")       \
  TG_DSP_PAIR_LARGER("r4", "r5") TG_DSP_PAIR_LARGER("r8", "r9")       \
  TG_DSP_PAIR_LARGER("r2", "r4") TG_DSP_PAIR_LARGER("r6", "r8")

#endif

/* Of two pixels: sums of lower bytes, and of whole halfwords. */
typedef struct {
  uint32_t low0;
  uint32_t low1;
  uint32_t whole0;
  uint32_t whole1;
} tg_dsp_pair_sums;

/* with_sign: whether the lower bytes of halfwords have one. */
TG_INLINE tg_dsp_pair_sums tg_dsp_pair_add_bytes(tg_dsp_pair_sums s, uint32_t word, int32_t with_sign, uint32_t x0,
                                                 uint32_t x1) {
  const uint32_t bytes = with_sign ? tg_even(word) : word & 0xFF00FFu;
  s.whole0 = tg_dot2(x0, word, s.whole0);
  s.whole1 = tg_dot2(x1, word, s.whole1);
  s.low0 = tg_dot2(x0, bytes, s.low0);
  s.low1 = tg_dot2(x1, bytes, s.low1);
  return s;
}

TG_INLINE tg_dsp_pair_sums tg_dsp_pair_add(tg_dsp_pair_sums s, uint32_t word, uint32_t x0, uint32_t x1) {
  return tg_dsp_pair_add_bytes(s, word, 0, x0, x1);
}

TG_INLINE tg_dsp_pair_sums tg_dsp_pair_group(tg_dsp_pair_sums s, const tg_u32 *x, const int8_t *w) {
  const uint32_t even = tg_load4(w);
  const uint32_t odd = tg_load4(w + 4);
  s = tg_dsp_pair_add(s, even, x[0], x[2]);
  return tg_dsp_pair_add(s, odd, x[4], x[6]);
}

/* Two groups; for the M7 words are loaded before those before them are multiplied. */
TG_INLINE tg_dsp_pair_sums tg_dsp_pair_two_groups(tg_dsp_pair_sums s, const tg_u32 *x, const int8_t *w) {
#if TG_DUAL_ISSUE
  uint32_t even = tg_load4(w);
  uint32_t even0 = x[0];
  uint32_t even1 = x[2];
  uint32_t odd = tg_load4(w + 4);
  uint32_t odd0 = x[4];
  uint32_t odd1 = x[6];
  s = tg_dsp_pair_add(s, even, even0, even1);
  even = tg_load4(w + 8);
  even0 = x[8];
  even1 = x[10];
  s = tg_dsp_pair_add(s, odd, odd0, odd1);
  odd = tg_load4(w + 12);
  odd0 = x[12];
  odd1 = x[14];
  s = tg_dsp_pair_add(s, even, even0, even1);
  return tg_dsp_pair_add(s, odd, odd0, odd1);
#else
  return tg_dsp_pair_group(tg_dsp_pair_group(s, x, w), x + 8, w + 8);
#endif
}

/* Groups of a pixel and the one after the next, whose first words x points to: that many sums, pointers and words fit the
 * registers, and no two words of inputs lie side by side, which compilers would load together, beside nothing else. */
TG_INLINE tg_dsp_pair_sums tg_dsp_pairs_of_two(const tg_u32 *x, int32_t groups, const int8_t *w, tg_dsp_pair_sums s) {
  if (groups & 1) {
    s = tg_dsp_pair_group(s, x, w);
    x += 8;
    w += 8;
  }
  TG_COMPACT
  for (groups >>= 1; groups > 0; groups--) {
    s = tg_dsp_pair_two_groups(s, x, w);
    x += 16;
    w += 16;
  }
  return s;
}

/* The sums of a pair of channels. low, whole: what those of each of four pixels begin with besides the biases. */
TG_INLINE tg_dsp_pair_sums tg_dsp_pairs(const tg_u32 *x, int32_t groups, const int8_t *w, const tg_i32 *bias,
                                        const tg_u32 *low, const tg_u32 *whole) {
  const uint32_t even = (uint32_t)bias[0];
  const uint32_t both = even + ((uint32_t)bias[1] << 8);
  const tg_dsp_pair_sums begin = {even + low[0], even + low[2], both + whole[0], both + whole[2]};
  return tg_dsp_pairs_of_two(x, groups, w, begin);
}

/* The odd channel's sum. */
static inline int32_t tg_dsp_odd_of(uint32_t low, uint32_t whole) { return (int32_t)(whole - low) >> 8; }

/* largest: of the sums of four pixels, for both channels of a pair. Apart, so that registers are given to the loop alone. */
static TG_APART void tg_dsp_pairs_largest(const tg_u32 *x, int32_t groups, const int8_t *w, const tg_i32 *bias,
                                          const tg_u32 *low, const tg_u32 *whole, tg_i32 *largest) {
  int32_t even = INT32_MIN;
  int32_t odd = INT32_MIN;
  TG_COMPACT
  for (int32_t i = 2; i > 0; i--) {
    const tg_dsp_pair_sums s = tg_dsp_pairs(x++, groups, w, bias, low++, whole++);
    even = tg_max(even, tg_max((int32_t)s.low0, (int32_t)s.low1));
    odd = tg_max(odd, tg_max(tg_dsp_odd_of(s.low0, s.whole0), tg_dsp_odd_of(s.low1, s.whole1)));
  }
  largest[0] = even;
  largest[1] = odd;
}

#endif
