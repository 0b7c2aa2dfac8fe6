/* The maxima of 2x2 squares that lie in a row. */
#ifndef TG_SQUARES_H
#define TG_SQUARES_H

#include <stdint.h>

#include "tg_numerics.h"

#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* count > 0 outputs. upper, lower: the left inputs of the first square; the right ones are right elements on, those of
 * the next square step elements. 26 cycles an output. */
static inline int8_t *tg_squares(const int8_t *upper, const int8_t *lower, int32_t right, int32_t step, int32_t count,
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

static inline int8_t *tg_squares(const int8_t *upper, const int8_t *lower, int32_t right, int32_t step, int32_t count,
                                 int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t above = tg_max(upper[i * step], upper[i * step + right]);
    const int32_t below = tg_max(lower[i * step], lower[i * step + right]);
    output[i] = (int8_t)tg_max(above, below);
  }
  return output + count;
}

#endif

#endif
