/* The maxima of 2x2 blocks that lie in a row. */
#ifndef TG_MAX_2X2_H
#define TG_MAX_2X2_H

#include <stdint.h>

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_numerics.h"

#if TG_ARMV6M_LOOPS

/* count > 0 outputs. upper, lower: the left inputs of the first block; the right ones are right elements on, those of
 * the next block step elements. 26 cycles an output. */
static inline int8_t *tg_max_2x2(const int8_t *upper, const int8_t *lower, int32_t right, int32_t step, int32_t count,
                                 int8_t *output) {
  register const int8_t *r0 __asm__("r0") = upper;
  register const int8_t *r1 __asm__("r1") = lower;
  register int8_t *r2 __asm__("r2") = output;
  register int32_t r3 __asm__("r3") = right;
  register int8_t *r4 __asm__("r4") = output + count;
  register int32_t r5 __asm__("r5") = step;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r8, r5\n\t"
      "mov r12, r4\n\t"
      "movs r6, #0\n"
      "1:\n\t"
      "ldrsb r4, [r0, r6]\n\t"
      "ldrsb r5, [r0, r3]\n\t"
      "cmp r4, r5\n\t"
      "bge 2f\n\t"
      "mov r4, r5\n"
      "2:\n\t"
      "ldrsb r5, [r1, r6]\n\t"
      "cmp r4, r5\n\t"
      "bge 2f\n\t"
      "mov r4, r5\n"
      "2:\n\t"
      "ldrsb r5, [r1, r3]\n\t"
      "cmp r4, r5\n\t"
      "bge 2f\n\t"
      "mov r4, r5\n"
      "2:\n\t"
      "strb r4, [r2, #0]\n\t"
      "add r0, r8\n\t"
      "add r1, r8\n\t"
      "adds r2, r2, #1\n\t"
      "cmp r2, r12\n\t"
      "bne 1b\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r4), "+r"(r5)
      : "r"(r3)
      : "r6", "r8", "r12", "cc", "memory");
  return r2;
}

#else

#if TG_HAS_DSP || TG_DSP_ACLE

#if TG_HAS_DSP

/* The larger bytes of two words; then those of neighbours, in every second byte. */
#define TG_MAX_2X2_PAIRS(word, other, temporary)         \
  "ssub8 " temporary ", " word ", " other "\n\t"          \
  "sel " word ", " word ", " other "\n\t"                 \
  "lsr " other ", " word ", #8\n\t"                       \
  "ssub8 " temporary ", " word ", " other "\n\t"          \
  "sel " word ", " word ", " other "\n\t"

/* A row of blocks of one channel, count of them; four take 24 cycles on the M4. */
static inline int8_t *tg_max_2x2_lone(const int8_t *upper, const int8_t *lower, int32_t count, int8_t *output) {
  register const int8_t *r0 __asm__("r0") = upper;
  register const int8_t *r1 __asm__("r1") = lower;
  register int8_t *r2 __asm__("r2") = output;
  register int32_t r3 __asm__("r3") = count;
  __asm__ volatile(
      ".syntax unified\n\t"
      "subs r3, r3, #4\n\t"
      "blo 2f\n"
      ".p2align 2\n"
      "1:\n\t"
      "ldr r5, [r0, #4]\n\t"
      "ldr r4, [r0], #8\n\t"
      "ldr r12, [r1, #4]\n\t"
      "ldr r6, [r1], #8\n\t"
      TG_MAX_2X2_PAIRS("r4", "r6", "lr")
      TG_MAX_2X2_PAIRS("r5", "r12", "lr")
      "strb r4, [r2], #4\n\t"
      "lsr r4, r4, #16\n\t"
      "strb r5, [r2, #-2]\n\t"
      "lsr r5, r5, #16\n\t"
      "strb r4, [r2, #-3]\n\t"
      "subs r3, r3, #4\n\t"
      "strb r5, [r2, #-1]\n\t"
      "bhs 1b\n"
      "2:\n\t"
      "lsls r3, r3, #31\n\t" /* the carry: two blocks are left over; the sign: one is */
      "bcc 3f\n\t"
      "ldr r4, [r0], #4\n\t"
      "ldr r6, [r1], #4\n\t"
      TG_MAX_2X2_PAIRS("r4", "r6", "lr")
      "strb r4, [r2], #2\n\t"
      "lsr r4, r4, #16\n\t"
      "strb r4, [r2, #-1]\n"
      "3:\n\t"
      "bpl 4f\n\t"
      "ldrh r4, [r0]\n\t"
      "ldrh r6, [r1]\n\t"
      TG_MAX_2X2_PAIRS("r4", "r6", "lr")
      "strb r4, [r2], #1\n"
      "4:\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r12", "lr", "cc", "memory");
  return r2;
}

#undef TG_MAX_2X2_PAIRS

#endif

/* Four channels of a block; without TG_HAS_DSP also two blocks of one channel, whose inputs are four neighbours in each row. */
static TG_APART int8_t *tg_max_2x2_together(const int8_t *upper, const int8_t *lower, int32_t right, int32_t count,
                                            int8_t *output) {
#if !TG_HAS_DSP
  if (right == 1) {
    TG_COMPACT
    for (; count >= 2; count -= 2) {
      uint32_t larger = tg_max4(tg_load4(upper), tg_load4(lower));
      larger = tg_max4(larger, larger >> 8);
      output[0] = (int8_t)(uint8_t)(larger & 0xFFu);
      output[1] = (int8_t)(uint8_t)(larger >> 16 & 0xFFu);
      upper += 4;
      lower += 4;
      output += 2;
    }
    return output;
  }
#endif
  TG_COMPACT
  for (; count >= 4; count -= 4) {
    const uint32_t above = tg_max4(tg_load4(upper), tg_load4(upper + right));
    const uint32_t below = tg_max4(tg_load4(lower), tg_load4(lower + right));
    tg_store4(output, tg_max4(above, below));
    upper += 4;
    lower += 4;
    output += 4;
  }
  return output;
}

#endif

/* With TG_HAS_DSP right is not 1: tg_max_2x2_lone takes rows of one channel. */
static TG_APART int8_t *tg_max_2x2(const int8_t *upper, const int8_t *lower, int32_t right, int32_t step, int32_t count,
                                   int8_t *output) {
  int8_t *const end = output + count;
#if TG_HAS_DSP || TG_DSP_ACLE
  const int8_t *const begin = output;
  output = tg_max_2x2_together(upper, lower, right, count, output);
  upper += step * (output - begin);
  lower += step * (output - begin);
#endif
  TG_COMPACT
  while (output < end) {
    const int32_t above = tg_max(upper[0], upper[right]);
    const int32_t below = tg_max(lower[0], lower[right]);
    *output++ = (int8_t)tg_max(above, below);
    upper += step;
    lower += step;
  }
  return output;
}

#endif

#endif
