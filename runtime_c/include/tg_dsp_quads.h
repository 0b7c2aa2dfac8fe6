/* Two pixels and four channels of a convolution at once, two products an instruction; a halfword is a term of two channels.
 *
 * Columns: those of tg_dsp_pairs.h, of which two pixels are taken at a time: the first and the third, the second and the
 * fourth.
 *
 * Filters, of each four channels: what sums begin with, for each pair of channels its even channel's bias, and that plus 256
 * times the odd channel's; then for each group of four taps a word of taps {0, 2} of the first pair, and of the second; then
 * taps {1, 3} of both. A halfword is 256 times the odd channel's weight plus the even channel's, which is either the lower
 * byte with its sign, or, with an offset, the lower byte as it is less 128, as in tg_dsp_pairs.h. */
#ifndef TG_DSP_QUADS_H
#define TG_DSP_QUADS_H

#include <stdint.h>

#include "tg_dsp.h"
#include "tg_dsp_pairs.h"

/* What all channels of two pixels are computed from; the code below knows the order. */
typedef struct {
  const tg_u32 *end; /* of the columns */
  int8_t *output;
  const int8_t *filter_end;
  int32_t scale; /* of all channels: multiplier / 2**post, times 2**32 */
  int32_t pre;   /* the shift of all channels before the multiplication */
  int32_t offset;
  int32_t second; /* the second pixel's place, from the first one's: 0 if it does not count */
  const tg_u32 *columns;
  int32_t entry;           /* where the first turn begins in the loop, in bytes */
  int32_t skipped;         /* bytes of filters that the block which it begins in leaves out, less the words before them */
  int32_t skipped_columns; /* bytes of columns */
  tg_u32 low[2];           /* with an offset: the sum of each pixel's inputs, times TG_DSP_LOW_MINUS */
  tg_u32 whole[2];         /* times TG_DSP_WHOLE_MINUS */
} tg_dsp_quad_tile;

#define TG_DSP_QUAD_BLOCK 4        /* groups */
#define TG_DSP_QUAD_GROUP_BYTES 112 /* of the loop's code */
#if TG_DUAL_ISSUE
#define TG_DSP_QUAD_TURN 4 /* groups */
#else
#define TG_DSP_QUAD_TURN 8
#endif

#if TG_HAS_DSP

/* Half of the taps of a group. r2 to r5: sums of lower bytes, of the first pair's even channel for both pixels and of the
 * second pair's; r6 to r9: of whole halfwords. unpack: SXTB16 or UXTB16. The M4 takes 15 cycles for 16 products, five of
 * them for four loads. The M7 takes 8; it loads beside multiplications what is multiplied later. */
#if TG_DUAL_ISSUE
#define TG_DSP_QUAD_HALF(unpack, w1, next_x0, next_x1, next_w0) \
  "smlad r6, r10, r12, r6\n\t"                                  \
  "ldr lr, [r1, #" w1 "]\n\t"                                   \
  "smlad r7, r11, r12, r7\n\t"                                  \
  unpack " r12, r12\n\t"                                        \
  "smlad r2, r10, r12, r2\n\t"                                  \
  "smlad r3, r11, r12, r3\n\t"                                  \
  "ldr r12, [r1, #" next_w0 "]\n\t"                             \
  "smlad r8, r10, lr, r8\n\t"                                   \
  "smlad r9, r11, lr, r9\n\t"                                   \
  unpack " lr, lr\n\t"                                          \
  "smlad r4, r10, lr, r4\n\t"                                   \
  "ldr r10, [r0, #" next_x0 "]\n\t"                             \
  "smlad r5, r11, lr, r5\n\t"                                   \
  "ldr r11, [r0, #" next_x1 "]\n\t"
#define TG_DSP_QUAD_LAST(unpack)    \
  "smlad r6, r10, r12, r6\n\t"      \
  "ldr lr, [r1, #4]\n\t"            \
  "smlad r7, r11, r12, r7\n\t"      \
  unpack " r12, r12\n\t"            \
  "smlad r2, r10, r12, r2\n\t"      \
  "add r0, r0, #128\n\t"            \
  "smlad r3, r11, r12, r3\n\t"      \
  "ldr r12, [sp]\n\t"               \
  "smlad r8, r10, lr, r8\n\t"       \
  "add r1, r1, #64\n\t"             \
  "smlad r9, r11, lr, r9\n\t"       \
  unpack " lr, lr\n\t"              \
  "smlad r4, r10, lr, r4\n\t"       \
  "cmp r0, r12\n\t"                 \
  "smlad r5, r11, lr, r5\n\t"       \
  "bne 1b\n\t"
/* A block of four groups; pointers are those of its last half. */
#define TG_DSP_QUAD_GROUPS(unpack)                              \
  "1:\n\t"                                                      \
  "ldr r10, [r0, #-112]\n\t"                                    \
  "ldr r12, [r1, #-56]\n\t"                                     \
  "ldr r11, [r0, #-104]\n"                                      \
  "2:\n\t"                                                      \
  TG_DSP_QUAD_HALF(unpack, "-52", "-96", "-88", "-48")          \
  TG_DSP_QUAD_HALF(unpack, "-44", "-80", "-72", "-40")          \
  TG_DSP_QUAD_HALF(unpack, "-36", "-64", "-56", "-32")          \
  TG_DSP_QUAD_HALF(unpack, "-28", "-48", "-40", "-24")          \
  TG_DSP_QUAD_HALF(unpack, "-20", "-32", "-24", "-16")          \
  TG_DSP_QUAD_HALF(unpack, "-12", "-16", "-8", "-8")            \
  TG_DSP_QUAD_HALF(unpack, "-4", "0", "8", "0")                 \
  TG_DSP_QUAD_LAST(unpack)
#define TG_DSP_QUAD_COLUMNS   \
  "mov lr, r9\n\t"            \
  "add r9, r9, #112\n\t"      \
  "sub r9, r9, r12\n\t"       \
  "mov r12, lr\n\t"
/* The first turn's first words, to where it begins. */
#define TG_DSP_QUAD_LOAD_FIRST "ldr r0, [sp, #40]\n\t" "ldr lr, [sp, #36]\n\t"
#define TG_DSP_QUAD_FIRST(w)          \
  "ldr r10, [r0]\n\t"                 \
  "ldr r12, [r1, #" w "]\n\t"         \
  "ldr r11, [r0, #8]\n\t"             \
  "sub r1, r1, lr\n\t"                \
  "ldr r0, [sp, #28]\n\t"             \
  "ldr lr, [sp, #32]\n\t"
#else
#define TG_DSP_QUAD_PRODUCTS(unpack) \
  "smlad r6, r10, r12, r6\n\t"       \
  "smlad r7, r11, r12, r7\n\t"       \
  "smlad r8, r10, lr, r8\n\t"        \
  "smlad r9, r11, lr, r9\n\t"        \
  unpack " r12, r12\n\t"             \
  unpack " lr, lr\n\t"               \
  "smlad r2, r10, r12, r2\n\t"       \
  "smlad r3, r11, r12, r3\n\t"       \
  "smlad r4, r10, lr, r4\n\t"        \
  "smlad r5, r11, lr, r5\n\t"
#define TG_DSP_QUAD_HALF(unpack, x0, x1, w0, w1) \
  "ldr r10, [r0, #" x0 "]\n\t"                   \
  "ldr r11, [r0, #" x1 "]\n\t"                   \
  "ldr r12, [r1, #" w0 "]\n\t"                   \
  "ldr lr, [r1, #" w1 "]\n\t"                    \
  TG_DSP_QUAD_PRODUCTS(unpack)
/* A block of four groups; pointers are those of its last half. */
#define TG_DSP_QUAD_FOUR(unpack)                                \
  TG_DSP_QUAD_HALF(unpack, "-112", "-104", "-56", "-52")        \
  TG_DSP_QUAD_HALF(unpack, "-96", "-88", "-48", "-44")          \
  TG_DSP_QUAD_HALF(unpack, "-80", "-72", "-40", "-36")          \
  TG_DSP_QUAD_HALF(unpack, "-64", "-56", "-32", "-28")          \
  TG_DSP_QUAD_HALF(unpack, "-48", "-40", "-24", "-20")          \
  TG_DSP_QUAD_HALF(unpack, "-32", "-24", "-16", "-12")          \
  TG_DSP_QUAD_HALF(unpack, "-16", "-8", "-8", "-4")             \
  "ldr r11, [r0, #8]\n\t"                                       \
  "ldr lr, [r1, #4]\n\t"                                        \
  "ldr r10, [r0], #128\n\t"                                     \
  "ldr r12, [r1], #64\n\t"                                      \
  TG_DSP_QUAD_PRODUCTS(unpack)
#define TG_DSP_QUAD_GROUPS(unpack)  \
  "2:\n\t"                          \
  TG_DSP_QUAD_FOUR(unpack)          \
  TG_DSP_QUAD_FOUR(unpack)          \
  "ldr lr, [sp]\n\t"                \
  "cmp r0, lr\n\t"                  \
  "bne 2b\n\t"
#define TG_DSP_QUAD_COLUMNS   \
  "add r9, r9, #112\n\t"      \
  "sub r9, r9, r12\n\t"
#define TG_DSP_QUAD_LOAD_FIRST "ldr r0, [sp, #28]\n\t" "ldr r12, [sp, #36]\n\t" "ldr lr, [sp, #32]\n\t"
#define TG_DSP_QUAD_FIRST(w) "sub r1, r1, r12\n\t"
#endif

/* The tile, in r0, to the stack: 0 the columns' end, 4 output, 8 the filters' end, 12 scale, 16 shift, 20 offset, 24 the
 * second pixel's place, 28 columns, 32 where the loop is entered, 36 what is skipped, 40 columns as they are; 44, with an
 * offset: sums. Pointers into columns become those of a block's last half; r1 and its end are `ahead` of the filters of
 * four channels. */
#define TG_DSP_QUAD_ENTER_SUMS         \
  "add r12, r0, #44\n\t"               \
  "ldm r12, {r2, r3, r4, r5}\n\t"      \
  "push {r2, r3, r4, r5}\n\t"
#define TG_DSP_QUAD_ENTER(ahead)                                            \
  "ldm r0, {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n\t"             \
  "adr.w r0, 2f\n\t"                                                        \
  "add r10, r10, r0\n\t"                                                    \
  "orr r10, r10, #1\n\t"                                                    \
  TG_DSP_QUAD_COLUMNS                                                       \
  "add r2, r2, #112\n\t"                                                    \
  "add r4, r4, #" ahead "\n\t"                                              \
  "add r1, r1, #" ahead "\n\t"                                              \
  "push {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}\n\t"

/* The sums of four channels for two pixels. b0 to b3: where the biases are, from r1; w: the first word of weights. */
#define TG_DSP_QUAD_SUMS(b0, b1, b2, b3, w)   \
  "ldr r2, [r1, #" b0 "]\n\t"                 \
  "ldr r6, [r1, #" b1 "]\n\t"                 \
  "ldr r4, [r1, #" b2 "]\n\t"                 \
  "ldr r8, [r1, #" b3 "]\n\t"                 \
  TG_DSP_QUAD_LOAD_FIRST                      \
  "mov r3, r2\n\t"                            \
  "mov r7, r6\n\t"                            \
  "mov r5, r4\n\t"                            \
  "mov r9, r8\n\t"                            \
  TG_DSP_QUAD_FIRST(w)                        \
  "bx lr\n"                                   \
  ".p2align 2\n"                              \
  TG_DSP_QUAD_GROUPS("sxtb16")
/* With an offset. */
#define TG_DSP_QUAD_OFFSET_SUMS(b0, b1, b2, b3, w) \
  "ldr r10, [r1, #" b0 "]\n\t"                     \
  "ldr r11, [r1, #" b1 "]\n\t"                     \
  "ldr r4, [r1, #" b2 "]\n\t"                      \
  "ldr r5, [r1, #" b3 "]\n\t"                      \
  "ldr r2, [sp, #44]\n\t"                          \
  "ldr r3, [sp, #48]\n\t"                          \
  "ldr r6, [sp, #52]\n\t"                          \
  "ldr r7, [sp, #56]\n\t"                          \
  TG_DSP_QUAD_LOAD_FIRST                           \
  "add r8, r6, r5\n\t"                             \
  "add r9, r7, r5\n\t"                             \
  "add r6, r6, r11\n\t"                            \
  "add r7, r7, r11\n\t"                            \
  "add r5, r3, r4\n\t"                             \
  "add r4, r2, r4\n\t"                             \
  "add r2, r2, r10\n\t"                            \
  "add r3, r3, r10\n\t"                            \
  TG_DSP_QUAD_FIRST(w)                             \
  "bx lr\n"                                        \
  ".p2align 2\n"                                   \
  TG_DSP_QUAD_GROUPS("uxtb16")

/* 256 times the odd channels' sums to r6 to r9. */
#define TG_DSP_QUAD_ODD    \
  "sub r6, r6, r2\n\t"     \
  "sub r7, r7, r3\n\t"     \
  "sub r8, r8, r4\n\t"     \
  "sub r9, r9, r5\n\t"

#endif

/* Groups of a pixel and the one after the next, whose first words x points to, and of a pair of channels: see
 * tg_dsp_pair_two_groups. with_sign: whether lower bytes have one. */
TG_INLINE tg_dsp_pair_sums tg_dsp_quad_pair(const tg_u32 *x, int32_t groups, const tg_u32 *w, int32_t with_sign,
                                            tg_dsp_pair_sums s) {
  if (groups & 1) {
    s = tg_dsp_pair_add_bytes(s, w[0], with_sign, x[0], x[2]);
    s = tg_dsp_pair_add_bytes(s, w[2], with_sign, x[4], x[6]);
    x += 8;
    w += 4;
  }
  TG_COMPACT
  for (groups >>= 1; groups > 0; groups--) {
    uint32_t even = w[0];
    uint32_t even0 = x[0];
    uint32_t even1 = x[2];
    uint32_t odd = w[2];
    uint32_t odd0 = x[4];
    uint32_t odd1 = x[6];
    s = tg_dsp_pair_add_bytes(s, even, with_sign, even0, even1);
    even = w[4];
    even0 = x[8];
    even1 = x[10];
    s = tg_dsp_pair_add_bytes(s, odd, with_sign, odd0, odd1);
    odd = w[6];
    odd0 = x[12];
    odd1 = x[14];
    s = tg_dsp_pair_add_bytes(s, even, with_sign, even0, even1);
    s = tg_dsp_pair_add_bytes(s, odd, with_sign, odd0, odd1);
    x += 16;
    w += 8;
  }
  return s;
}

#endif
