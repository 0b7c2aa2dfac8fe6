/* The upper word of a product of two words, for epilogues with multipliers of 31 bits. */
#ifndef TG_HIGH_WORD_H
#define TG_HIGH_WORD_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_dsp.h"

/* Whether loops in the instructions of ARMv6-M make the upper word from four products: on cores without longer ones. */
#if TG_ARMV6M_LOOPS && (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__))
#define TG_HIGH_WORD_LOOPS 1
#else
#define TG_HIGH_WORD_LOOPS 0
#endif

/* The number in x times 2 * b, its upper word rounded to the nearest, ties upwards, to x: 15 cycles. t and u are spoilt; low
 * and high: halfwords of b, which is not negative. |x| is at most 2^30, so that the sum of the middle products fits: x is
 * cut into a signed halfword below and what lies above. The last shift leaves half of its last bit in the carry, which
 * multiplications do not touch. */
#define TG_HIGH_WORD_TWICE(x, t, u, low, high) \
  "sxth " u ", " x "\n\t"                      \
  "subs " x ", " x ", " u "\n\t"               \
  "asrs " x ", " x ", #16\n\t"                 \
  "mov " t ", " u "\n\t"                       \
  "muls " t ", " low ", " t "\n\t"             \
  "asrs " t ", " t ", #16\n\t"                 \
  "muls " u ", " high ", " u "\n\t"            \
  "adds " t ", " t ", " u "\n\t"               \
  "mov " u ", " x "\n\t"                       \
  "muls " u ", " low ", " u "\n\t"             \
  "adds " t ", " t ", " u "\n\t"               \
  "muls " x ", " high ", " x "\n\t"            \
  "adds " x ", " x ", " x "\n\t"               \
  "asrs " t ", " t ", #15\n\t"                 \
  "adcs " x ", " x ", " t "\n\t"

/* (a * b + half * 2^16) / 2^32, rounded down; b is not negative, half is 0 or 2^15. */
static inline int32_t tg_high_word_plus(int32_t a, int32_t b, uint32_t half) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  /* Products of halfwords: these cores' multiplication gives the lower word only. */
  const uint32_t low = (uint32_t)a & 0xFFFFu;
  const int32_t high = a >> 16;
  const uint32_t b_low = (uint32_t)b & 0xFFFFu;
  const int32_t b_high = b >> 16;
  const int32_t middle = high * (int32_t)b_low + (int32_t)(low * b_low >> 16);
  const uint32_t other = low * (uint32_t)b_high + ((uint32_t)middle & 0xFFFFu);
  return high * b_high + (middle >> 16) + (int32_t)((other + half) >> 16);
#else
  return (int32_t)(((int64_t)a * b + ((int64_t)half << 16)) >> 32);
#endif
}

/* Rounded down: SMMUL. */
static inline int32_t tg_high_word(int32_t a, int32_t b) {
#if TG_HAS_DSP
  int32_t result;
  __asm__("smmul %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
#else
  return tg_high_word_plus(a, b, 0);
#endif
}

/* Rounded to the nearest, ties upwards: SMMULR. */
static inline int32_t tg_high_word_rounded(int32_t a, int32_t b) {
#if TG_HAS_DSP
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
#else
  return tg_high_word_plus(a, b, 1u << 15);
#endif
}

#endif
