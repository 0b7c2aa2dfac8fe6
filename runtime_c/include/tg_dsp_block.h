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
#define TG_BLOCK_UPPER_FIRST(first) TG_BLOCK_ADD_FIRST("r8", "r9", first, "r8", "r9")
#define TG_BLOCK_LOWER_FIRST(first) TG_BLOCK_ADD_FIRST("r10", "r11", first, "r10", "r11")
#define TG_BLOCK_UPPER_LAST(last) TG_BLOCK_ADD_LAST("r8", "r9", last)
#define TG_BLOCK_LOWER_LAST(last) TG_BLOCK_ADD_LAST("r10", "r11", last)

/* A block, of whose sums the kernel's TG_BLOCK_END makes outputs. TG_BLOCK_LOAD_LAST and TG_BLOCK_COMPARE_LAST: whether it
 * is the last one, unless TG_BLOCK_END finds that out. r0: the strip's first of four rows, r1: output, r2 to r4:
 * (w0, w1) of each row, r5 to r7: (w1, w2). 62 cycles on the M4, 37 on the M7, which loads beside multiplications. */
#if TG_DUAL_ISSUE
#define TG_BLOCK_2X2                          \
  "ldr r8, [sp]\n\t"                       \
  "ldr r12, [r0, #32]\n\t"                 \
  "ldr lr, [r0, #48]\n\t"                  \
  TG_BLOCK_LOAD_LAST                       \
  TG_BLOCK_ADD_FIRST("r10", "r11", "r2", "r8", "r8") \
  TG_BLOCK_COMPARE_LAST                         \
  TG_BLOCK_ADD_FIRST("r8", "r9", "r3", "r8", "r8")   \
  "ldr r12, [r0, #64]\n\t"                 \
  TG_BLOCK_LOWER_LAST("r5")                      \
  TG_BLOCK_UPPER_LAST("r6")                      \
  "ldr lr, [r0, #80]\n\t"                  \
  TG_BLOCK_UPPER_FIRST("r4")                     \
  TG_BLOCK_LOWER_FIRST("r3")                     \
  "ldr r12, [r0, #96]\n\t"                 \
  TG_BLOCK_UPPER_LAST("r7")                      \
  TG_BLOCK_LOWER_LAST("r6")                      \
  "ldr lr, [r0, #112]\n\t"                 \
  TG_BLOCK_LOWER_FIRST("r4")                     \
  "ldr r12, [r0], #64\n\t"                 \
  TG_BLOCK_LOWER_LAST("r7")                      \
  "ldr lr, [r0, #-48]\n\t"                 \
  TG_BLOCK_UPPER_FIRST("r2")                     \
  "ldr r12, [sp, #8]\n\t"                  \
  TG_BLOCK_UPPER_LAST("r5")                      \
  TG_BLOCK_END
#else
#define TG_BLOCK_2X2                          \
  "ldr r8, [sp]\n\t"                       \
  TG_BLOCK_LOAD_LAST                       \
  "ldr r12, [r0, #32]\n\t"                 \
  "ldr lr, [r0, #48]\n\t"                  \
  TG_BLOCK_COMPARE_LAST                         \
  TG_BLOCK_ADD_FIRST("r10", "r11", "r2", "r8", "r8") \
  TG_BLOCK_ADD_FIRST("r8", "r9", "r3", "r8", "r8")   \
  TG_BLOCK_LOWER_LAST("r5")                      \
  TG_BLOCK_UPPER_LAST("r6")                      \
  "ldr r12, [r0, #64]\n\t"                 \
  "ldr lr, [r0, #80]\n\t"                  \
  TG_BLOCK_UPPER_FIRST("r4")                     \
  TG_BLOCK_LOWER_FIRST("r3")                     \
  TG_BLOCK_UPPER_LAST("r7")                      \
  TG_BLOCK_LOWER_LAST("r6")                      \
  "ldr r12, [r0, #96]\n\t"                 \
  "ldr lr, [r0, #112]\n\t"                 \
  TG_BLOCK_LOWER_FIRST("r4")                     \
  TG_BLOCK_LOWER_LAST("r7")                      \
  "ldr lr, [r0, #16]\n\t"                  \
  "ldr r12, [r0], #64\n\t"                 \
  TG_BLOCK_UPPER_FIRST("r2")                     \
  TG_BLOCK_UPPER_LAST("r5")                      \
  "ldr r12, [sp, #8]\n\t"                  \
  TG_BLOCK_END
#endif

/* A row of weights, of which r9 is minus the offset: bytes to (w0, w1) in their place, and to (w1, w2). */
#define TG_BLOCK_WEIGHTS(first, last)                 \
  "sxtab16 r8, r9, " first "\n\t"               \
  "sxtab16 " last ", r9, " first ", ror #8\n\t" \
  "pkhbt " first ", r8, " last ", lsl #16\n\t"  \
  "pkhbt " last ", " last ", r8\n\t"

#endif
