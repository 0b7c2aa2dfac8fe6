/* The upper word of a product of two words, for epilogues with multipliers of 31 bits. */
#ifndef TG_HIGH_WORD_H
#define TG_HIGH_WORD_H

#include <stdint.h>

#include "tg_dsp.h"

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
