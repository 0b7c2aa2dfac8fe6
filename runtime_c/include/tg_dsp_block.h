/* Blocks of 2x2 outputs of a 3x3 window in the instructions of the DSP extension, for tg_depthwise_3x3_block_dsp_s8. */
#ifndef TG_DSP_BLOCK_H
#define TG_DSP_BLOCK_H

#include "tg_dsp.h"

/* A row of words adds a row of weights (first, last) to the sums of a left and a right output. */
#define TG_BLOCK_ADD_FIRST(left, right, first, left_sum, right_sum) \
  "smlatb " right ", r12, " first ", " right_sum "\n\t"   \
  "smlad " left ", r12, " first ", " left_sum "\n\t"
#define TG_BLOCK_ADD_LAST(left, right, last)              \
  "smlabt " left ", lr, " last ", " left "\n\t" \
  "smlad " right ", lr, " last ", " right "\n\t"

/* A row of words to a left output alone. */
#define TG_BLOCK_LEFT_FIRST(left, right, first, left_sum, right_sum) "smlad " left ", r12, " first ", " left_sum "\n\t"
#define TG_BLOCK_LEFT_LAST(left, right, last) "smlabt " left ", lr, " last ", " left "\n\t"

/* A block, of whose sums the kernel's TG_BLOCK_END makes outputs. TG_BLOCK_LOAD_LAST and TG_BLOCK_COMPARE_LAST: whether it
 * is the last one, unless TG_BLOCK_END finds that out. r0: the strip's first of four rows, r1: output, r2 to r4:
 * (w0, w1) of each row, r5 to r7: (w1, w2). 62 cycles on the M4, 37 on the M7, which loads beside multiplications. */
#if TG_DUAL_ISSUE
#define TG_BLOCK_ROWS(first, last)        \
  "ldr r8, [sp]\n\t"                      \
  "ldr r12, [r0, #32]\n\t"                \
  "ldr lr, [r0, #48]\n\t"                 \
  TG_BLOCK_LOAD_LAST                      \
  first("r10", "r11", "r2", "r8", "r8")   \
  TG_BLOCK_COMPARE_LAST                   \
  first("r8", "r9", "r3", "r8", "r8")     \
  "ldr r12, [r0, #64]\n\t"                \
  last("r10", "r11", "r5")                \
  last("r8", "r9", "r6")                  \
  "ldr lr, [r0, #80]\n\t"                 \
  first("r8", "r9", "r4", "r8", "r9")     \
  first("r10", "r11", "r3", "r10", "r11") \
  "ldr r12, [r0, #96]\n\t"                \
  last("r8", "r9", "r7")                  \
  last("r10", "r11", "r6")                \
  "ldr lr, [r0, #112]\n\t"                \
  first("r10", "r11", "r4", "r10", "r11") \
  "ldr r12, [r0], #64\n\t"                \
  last("r10", "r11", "r7")                \
  "ldr lr, [r0, #-48]\n\t"                \
  first("r8", "r9", "r2", "r8", "r9")     \
  "ldr r12, [sp, #8]\n\t"                 \
  last("r8", "r9", "r5")                  \
  TG_BLOCK_END
#else
#define TG_BLOCK_ROWS(first, last)        \
  "ldr r8, [sp]\n\t"                      \
  TG_BLOCK_LOAD_LAST                      \
  "ldr r12, [r0, #32]\n\t"                \
  "ldr lr, [r0, #48]\n\t"                 \
  TG_BLOCK_COMPARE_LAST                   \
  first("r10", "r11", "r2", "r8", "r8")   \
  first("r8", "r9", "r3", "r8", "r8")     \
  last("r10", "r11", "r5")                \
  last("r8", "r9", "r6")                  \
  "ldr r12, [r0, #64]\n\t"                \
  "ldr lr, [r0, #80]\n\t"                 \
  first("r8", "r9", "r4", "r8", "r9")     \
  first("r10", "r11", "r3", "r10", "r11") \
  last("r8", "r9", "r7")                  \
  last("r10", "r11", "r6")                \
  "ldr r12, [r0, #96]\n\t"                \
  "ldr lr, [r0, #112]\n\t"                \
  first("r10", "r11", "r4", "r10", "r11") \
  last("r10", "r11", "r7")                \
  "ldr lr, [r0, #16]\n\t"                 \
  "ldr r12, [r0], #64\n\t"                \
  first("r8", "r9", "r2", "r8", "r9")     \
  last("r8", "r9", "r5")                  \
  "ldr r12, [sp, #8]\n\t"                 \
  TG_BLOCK_END
#endif
#define TG_BLOCK_2X2 TG_BLOCK_ROWS(TG_BLOCK_ADD_FIRST, TG_BLOCK_ADD_LAST)
/* The same where right outputs do not matter: 12 multiplications less. */
#define TG_BLOCK_2X1 TG_BLOCK_ROWS(TG_BLOCK_LEFT_FIRST, TG_BLOCK_LEFT_LAST)

/* A row of weights, of which r9 is minus the offset: bytes to (w0, w1) in their place, and to (w1, w2). */
#define TG_BLOCK_WEIGHTS(first, last)                 \
  "sxtab16 r8, r9, " first "\n\t"               \
  "sxtab16 " last ", r9, " first ", ror #8\n\t" \
  "pkhbt " first ", r8, " last ", lsl #16\n\t"  \
  "pkhbt " last ", " last ", r8\n\t"

/* Two columns of pixels, by words of four channels, as rows of the strip. Returns where the next row begins. */
static TG_APART tg_u32 *tg_dsp_block_put_rows(const int8_t *left, int32_t left_step, const int8_t *right,
                                              int32_t right_step, int32_t count, tg_u32 *to) {
#if TG_HAS_DSP
  if (count > 0) {
    uint32_t a, b, c, d, e;
    __asm__ volatile(
        ".syntax unified\n"
        "1:\n\t"
        "ldr %[a], [%[left]]\n\t"
        "ldr %[b], [%[right]]\n\t"
        "sxtb16 %[c], %[a]\n\t"
        "sxtb16 %[d], %[b]\n\t"
        "sxtb16 %[a], %[a], ror #8\n\t"
        "sxtb16 %[b], %[b], ror #8\n\t"
        "pkhbt %[e], %[c], %[d], lsl #16\n\t"
        "pkhtb %[c], %[d], %[c], asr #16\n\t"
        "str %[e], [%[to]], #32\n\t"
        "pkhbt %[d], %[a], %[b], lsl #16\n\t"
        "str %[c], [%[to], #-24]\n\t"
        "pkhtb %[a], %[b], %[a], asr #16\n\t"
        "str %[d], [%[to], #-28]\n\t"
        "add %[left], %[left], %[left_step]\n\t"
        "str %[a], [%[to], #-20]\n\t"
        "add %[right], %[right], %[right_step]\n\t"
        "subs %[count], %[count], #1\n\t"
        "bne 1b\n\t"
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [left] "+&r"(left),
          [right] "+&r"(right), [count] "+&r"(count), [to] "+&r"(to)
        : [left_step] "r"(left_step), [right_step] "r"(right_step)
        : "cc", "memory");
  }
#else
  for (; count > 0; count--) {
    for (int32_t channel = 0; channel < 4; channel++) {
      to[channel] = tg_pack_halfwords(left[channel], right[channel]);
    }
    left += left_step;
    right += right_step;
    to += 8;
  }
#endif
  return to;
}

#endif
