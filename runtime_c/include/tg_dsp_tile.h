/* Four pixels of a convolution at once, two products an instruction.
 *
 * Columns: the inputs of four pixels as 16-bit numbers. Each group of four taps is eight words: taps {0, 2} of pixels 0
 * to 3, then taps {1, 3} of them, as SXTB16 takes bytes apart. Where groups are filled up, weights are zero.
 *
 * Filters: for each pair of channels and each group, four bytes of the one and four of the other; a weight is its byte
 * minus the filter's offset, and what that adds to a sum is known from the sum of the pixel's inputs. After the filter
 * lie TG_DSP_AHEAD more bytes, after the columns two more words: the next ones are read before the last are used. */
#ifndef TG_DSP_TILE_H
#define TG_DSP_TILE_H

#include <stdint.h>

#include "tg_dsp.h"

#define TG_DSP_AHEAD 8

/* sums[0 .. 3] and [4 .. 7]: of channels 0 and 1 for pixels 0 to 3: bias + offset * inputs + products. w: the pair's
 * filters; bias, offsets: of the two channels; inputs: the sum of each pixel's inputs. */
#if TG_HAS_DSP

/* Half of the taps of a group. On the M7, which multiplies once a cycle and has one more slot for another instruction,
 * 9 cycles for 16 products: one cycle waits for weights. On the M4 18, 8 of them for 6 loads. */
#if TG_DUAL_ISSUE
#define TG_DSP_HALF(x2, x3, next_x, rotation, next_w, next_rotation, slot1, slot2) \
  "smlad r2, r10, r12, r2\n\t"                                                     \
  "sxtb16 lr, lr" rotation "\n\t"                                                  \
  "smlad r6, r10, lr, r6\n\t"                                                      \
  "ldr r10, [r0, #" x2 "]\n\t"                                                     \
  "smlad r3, r11, r12, r3\n\t" slot1                                               \
  "smlad r7, r11, lr, r7\n\t"                                                      \
  "ldr r11, [r0, #" x3 "]\n\t"                                                     \
  "smlad r4, r10, r12, r4\n\t" slot2                                               \
  "smlad r8, r10, lr, r8\n\t"                                                      \
  "ldr r10, [r0, #" next_x "]\n\t"                                                 \
  "smlad r5, r11, r12, r5\n\t"                                                     \
  "ldr r12, [r1, #" next_w "]\n\t"                                                 \
  "smlad r9, r11, lr, r9\n\t"
#else
#define TG_DSP_HALF(x2, x3, next_x, rotation, next_w, next_rotation, slot1, slot2) \
  "sxtb16 lr, lr" rotation "\n\t"                                                  \
  "smlad r2, r10, r12, r2\n\t"                                                     \
  "smlad r6, r10, lr, r6\n\t"                                                      \
  "smlad r3, r11, r12, r3\n\t"                                                     \
  "smlad r7, r11, lr, r7\n\t"                                                      \
  "ldr r10, [r0, #" x2 "]\n\t"                                                     \
  "ldr r11, [r0, #" x3 "]\n\t"                                                     \
  slot1 slot2                                                                      \
  "smlad r4, r10, r12, r4\n\t"                                                     \
  "smlad r8, r10, lr, r8\n\t"                                                      \
  "smlad r5, r11, r12, r5\n\t"                                                     \
  "smlad r9, r11, lr, r9\n\t"                                                      \
  "ldr r10, [r0, #" next_x "]\n\t"                                                 \
  "ldr r12, [r1, #" next_w "]\n\t"
#endif

/* All groups of four taps, of which the first is in registers and the columns' end on the stack; entered at 1, or, with an
 * odd number of groups, at 2 with pointers half a turn back. r0: columns, r1: filters, r2 to r9: sums. */
#define TG_DSP_GROUPS                                                                                 \
  "1:\n\t"                                                                                            \
  TG_DSP_HALF("8", "12", "16", "", "0", ", ror #8", "", "")                                           \
  "ldr lr, [r1, #4]\n\t"                                                                              \
  "ldr r11, [r0, #20]\n\t"                                                                            \
  "sxtb16 r12, r12, ror #8\n\t"                                                                       \
  TG_DSP_HALF("24", "28", "32", ", ror #8", "8", "", "", "")                                          \
  "ldr lr, [r1, #12]\n\t"                                                                             \
  "ldr r11, [r0, #36]\n\t"                                                                            \
  "sxtb16 r12, r12\n"                                                                                 \
  "2:\n\t"                                                                                            \
  TG_DSP_HALF("40", "44", "48", "", "8", ", ror #8", "", "")                                          \
  "ldr lr, [r1, #12]\n\t"                                                                             \
  "ldr r11, [r0, #52]\n\t"                                                                            \
  "sxtb16 r12, r12, ror #8\n\t"                                                                       \
  TG_DSP_HALF("56", "60", "0", ", ror #8", "0", "", "adds r1, r1, #16\n\t", "adds r0, r0, #64\n\t")   \
  "ldr r11, [sp]\n\t"                                                                                 \
  "ldr lr, [r1, #4]\n\t"                                                                              \
  "sxtb16 r12, r12\n\t"                                                                               \
  "cmp r0, r11\n\t"                                                                                   \
  "ldr r11, [r0, #4]\n\t"                                                                             \
  "bne 1b\n\t"

static inline void tg_dsp_dot(const tg_u32 *x, const int8_t *w, int32_t groups, const tg_i32 *bias,
                              const tg_i32 *offsets, const tg_i32 *inputs, tg_i32 *sums) {
  register const tg_u32 *r0 __asm__("r0") = x;
  register const int8_t *r1 __asm__("r1") = w;
  register int32_t r2 __asm__("r2") = groups;
  register const tg_i32 *r3 __asm__("r3") = bias;
  register const tg_i32 *r4 __asm__("r4") = offsets;
  register const tg_i32 *r5 __asm__("r5") = inputs;
  register tg_i32 *r6 __asm__("r6") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r9, r7\n\t"
      "mov r8, r6\n\t"
      "add r7, r0, r2, lsl #5\n\t" /* the columns' end */
      "push {r7, r8, r9}\n\t"
      "lsls r2, r2, #31\n\t" /* zero: an even number of groups */
      "ldrd r10, r11, [r3]\n\t"
      "ldrd r12, lr, [r4]\n\t"
      "ldm r5, {r6, r7, r8, r9}\n\t"
      "mla r2, r6, r12, r10\n\t"
      "mla r3, r7, r12, r10\n\t"
      "mla r4, r8, r12, r10\n\t"
      "mla r5, r9, r12, r10\n\t"
      "mla r6, r6, lr, r11\n\t"
      "mla r7, r7, lr, r11\n\t"
      "mla r8, r8, lr, r11\n\t"
      "mla r9, r9, lr, r11\n\t"
      "ldr r12, [r1]\n\t"
      "ldr r10, [r0]\n\t"
      "ldr lr, [r1, #4]\n\t"
      "ldr r11, [r0, #4]\n\t"
      "sxtb16 r12, r12\n\t"
      "beq 1f\n\t"
      "subs r0, r0, #32\n\t"
      "subs r1, r1, #8\n\t"
      "b 2f\n"
      ".p2align 2\n"
      TG_DSP_GROUPS
      "pop {r0, r1, r10}\n\t"
      "stm r1, {r2, r3, r4, r5, r6, r7, r8, r9}\n\t"
      "mov r7, r10\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
      :
      : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static inline void tg_dsp_dot(const tg_u32 *x, const int8_t *w, int32_t groups, const tg_i32 *bias,
                              const tg_i32 *offsets, const tg_i32 *inputs, tg_i32 *sums) {
  uint32_t sum0 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[0];
  uint32_t sum1 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[1];
  uint32_t sum2 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[2];
  uint32_t sum3 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[3];
  uint32_t sum4 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[0];
  uint32_t sum5 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[1];
  uint32_t sum6 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[2];
  uint32_t sum7 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[3];
  for (; groups > 0; groups--) {
    const uint32_t first = tg_load4(w);
    const uint32_t second = tg_load4(w + 4);
    uint32_t of_first = tg_even(first);
    uint32_t of_second = tg_even(second);
    sum0 = tg_dot2(x[0], of_first, sum0);
    sum4 = tg_dot2(x[0], of_second, sum4);
    sum1 = tg_dot2(x[1], of_first, sum1);
    sum5 = tg_dot2(x[1], of_second, sum5);
    sum2 = tg_dot2(x[2], of_first, sum2);
    sum6 = tg_dot2(x[2], of_second, sum6);
    sum3 = tg_dot2(x[3], of_first, sum3);
    sum7 = tg_dot2(x[3], of_second, sum7);
    of_first = tg_odd(first);
    of_second = tg_odd(second);
    sum0 = tg_dot2(x[4], of_first, sum0);
    sum4 = tg_dot2(x[4], of_second, sum4);
    sum1 = tg_dot2(x[5], of_first, sum1);
    sum5 = tg_dot2(x[5], of_second, sum5);
    sum2 = tg_dot2(x[6], of_first, sum2);
    sum6 = tg_dot2(x[6], of_second, sum6);
    sum3 = tg_dot2(x[7], of_first, sum3);
    sum7 = tg_dot2(x[7], of_second, sum7);
    w += 8;
    x += 8;
  }
  sums[0] = (int32_t)sum0;
  sums[1] = (int32_t)sum1;
  sums[2] = (int32_t)sum2;
  sums[3] = (int32_t)sum3;
  sums[4] = (int32_t)sum4;
  sums[5] = (int32_t)sum5;
  sums[6] = (int32_t)sum6;
  sums[7] = (int32_t)sum7;
}

#endif

#endif
