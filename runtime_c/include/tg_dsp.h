/* Instructions of Cortex-M4, M7 and M33 that work on the two halfwords of a word, and what they do in portable C.
 *
 * A word holds two signed 16-bit numbers. Sums wrap modulo 2**32, as the instructions' do. */
#ifndef TG_DSP_H
#define TG_DSP_H

#include <stdint.h>

#include "tg_compact.h"
#include "tg_core.h"

/* How the instructions are asked for: TG_HAS_DSP, in the inline assembly of GNU C, as whole loops are too; TG_DSP_ACLE, by
 * the functions of the Arm C Language Extensions, which IAR's compiler has as well. TG_PLAIN_C, to be defined by who
 * compiles, leaves out what GNU C has beyond C99 and ACLE. */
#if !defined(__ARM_FEATURE_DSP)
#define TG_HAS_DSP 0
#define TG_DSP_ACLE 0
#elif (defined(__GNUC__) || defined(__clang__)) && !defined(TG_PLAIN_C)
#define TG_HAS_DSP 1
#define TG_DSP_ACLE 0
#elif defined(__ARM_ACLE) || defined(__ICCARM__) || defined(__GNUC__)
#include <arm_acle.h>
#define TG_HAS_DSP 0
#define TG_DSP_ACLE 1
#else
#define TG_HAS_DSP 0
#define TG_DSP_ACLE 0
#endif

/* 1 to order instructions for the M7, which issues a load beside a multiplication; 0 for cores that load several words
 * faster one right after the other. Compilers tell a Cortex-M7 from an M4 by its FPU alone: clang by its version, others
 * only where it has double precision. For an M7 without, and gcc, define TG_DUAL_ISSUE as 1. */
#if !defined(TG_DUAL_ISSUE)
#if defined(__ARM_ARCH_7EM__) && defined(__ARM_FPV5__)
#define TG_DUAL_ISSUE 1
#elif defined(__ARM_ARCH_7EM__) && defined(__ARM_FP)
#define TG_DUAL_ISSUE (__ARM_FP >> 3 & 1)
#else
#define TG_DUAL_ISSUE 0
#endif
#endif

/* Four neighbours as one word; where cores fault on such accesses, at a multiple of 4 only. gcc and clang make one access of
 * those to four bytes in a row; IAR's compiler has a word for it. */
#if defined(__ICCARM__)
#define TG_ANYWHERE __packed
#endif

static inline uint32_t tg_load4(const int8_t *x) {
#if TG_HAS_DSP
  uint32_t word;
  __builtin_memcpy(&word, x, sizeof word);
  return word;
#elif defined(__ICCARM__) && TG_DSP_ACLE
  return *(const TG_ANYWHERE uint32_t *)x;
#else
  return (uint32_t)(uint8_t)x[0] | (uint32_t)(uint8_t)x[1] << 8 | (uint32_t)(uint8_t)x[2] << 16 |
         (uint32_t)(uint8_t)x[3] << 24;
#endif
}

/* The first count < 4 of four neighbours, and zeros; more than three: all of them. */
static TG_APART uint32_t tg_load_some(const int8_t *x, int32_t count) {
  if (count >= 4) {
    return tg_load4(x);
  }
  uint32_t bytes = 0;
  TG_COMPACT
  for (int32_t i = 0; i < count; i++) {
    bytes |= (uint32_t)(uint8_t)x[i] << 8 * i;
  }
  return bytes;
}

static inline void tg_store4(int8_t *to, uint32_t word) {
#if TG_HAS_DSP
  __builtin_memcpy(to, &word, sizeof word);
#elif defined(__ICCARM__) && TG_DSP_ACLE
  *(TG_ANYWHERE uint32_t *)to = word;
#else
  for (int32_t i = 0; i < 4; i++) {
    to[i] = (int8_t)(uint8_t)(word >> 8 * i);
  }
#endif
}

/* count bytes of one value, which is in all bytes of a word. Returns where they end. */
static TG_APART int8_t *tg_dsp_set(int8_t *to, int32_t count, uint32_t value) {
  TG_COMPACT
  for (; count >= 4; count -= 4) {
    tg_store4(to, value);
    to += 4;
  }
  TG_COMPACT
  for (; count > 0; count--) {
    *to++ = (int8_t)(uint8_t)(value & 0xFFu);
  }
  return to;
}

static TG_APART int8_t *tg_dsp_copy(int8_t *to, const int8_t *from, int32_t count) {
  TG_COMPACT
  for (; count >= 16; count -= 16) {
    const uint32_t first = tg_load4(from);
    const uint32_t second = tg_load4(from + 4);
    const uint32_t third = tg_load4(from + 8);
    const uint32_t fourth = tg_load4(from + 12);
    tg_store4(to, first);
    tg_store4(to + 4, second);
    tg_store4(to + 8, third);
    tg_store4(to + 12, fourth);
    from += 16;
    to += 16;
  }
  TG_COMPACT
  for (; count >= 4; count -= 4) {
    tg_store4(to, tg_load4(from));
    from += 4;
    to += 4;
  }
  TG_COMPACT
  for (; count > 0; count--) {
    *to++ = *from++;
  }
  return to;
}

/* The signed half of a word, 0: lower, 1: upper. */
static inline int32_t tg_half(uint32_t word, uint32_t upper) {
  return (int32_t)(((word >> 16 * upper) & 0xFFFFu) ^ 0x8000u) - 0x8000;
}

static inline uint32_t tg_pack_halfwords(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16;
}

static inline uint32_t tg_pack_upper_halfwords(uint32_t low, uint32_t high) { return low >> 16 | (high & 0xFFFF0000u); }

/* Bytes 0 and 2 of four int8, as halfwords. */
static inline uint32_t tg_even(uint32_t bytes) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__sxtb16((int8x4_t)bytes);
#else
  return tg_pack_halfwords((int32_t)((bytes & 0xFFu) ^ 0x80u) - 0x80, (int32_t)((bytes >> 16 & 0xFFu) ^ 0x80u) - 0x80);
#endif
}

/* Bytes 1 and 3. */
static inline uint32_t tg_odd(uint32_t bytes) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__sxtb16((int8x4_t)(bytes >> 8 | bytes << 24));
#else
  return tg_even(bytes >> 8);
#endif
}

/* Bytes 0 and 2, or 1 and 3, plus a number for each half. */
static inline uint32_t tg_even_plus(uint32_t numbers, uint32_t bytes) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(numbers), "r"(bytes));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__sxtab16((int16x2_t)numbers, (int8x4_t)bytes);
#else
  const uint32_t even = tg_even(bytes);
  return tg_pack_halfwords(tg_half(even, 0) + tg_half(numbers, 0), tg_half(even, 1) + tg_half(numbers, 1));
#endif
}

static inline uint32_t tg_odd_plus(uint32_t numbers, uint32_t bytes) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(numbers), "r"(bytes));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__sxtab16((int16x2_t)numbers, (int8x4_t)(bytes >> 8 | bytes << 24));
#else
  return tg_even_plus(numbers, bytes >> 8);
#endif
}

/* Both halfwords of words, added and subtracted. */
static inline uint32_t tg_halves_plus(uint32_t a, uint32_t b) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b) : "cc");
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__sadd16((int16x2_t)a, (int16x2_t)b);
#else
  return tg_pack_halfwords(tg_half(a, 0) + tg_half(b, 0), tg_half(a, 1) + tg_half(b, 1));
#endif
}

static inline uint32_t tg_halves_less(uint32_t a, uint32_t b) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b) : "cc");
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__ssub16((int16x2_t)a, (int16x2_t)b);
#else
  return tg_pack_halfwords(tg_half(a, 0) - tg_half(b, 0), tg_half(a, 1) - tg_half(b, 1));
#endif
}

/* sum plus the products of both halfwords. */
static inline uint32_t tg_dot2(uint32_t a, uint32_t b, uint32_t sum) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__smlad((int16x2_t)a, (int16x2_t)b, (int32_t)sum);
#else
  return sum + (uint32_t)(tg_half(a, 0) * tg_half(b, 0)) + (uint32_t)(tg_half(a, 1) * tg_half(b, 1));
#endif
}

/* sum plus the product of the lower halfwords. */
static inline uint32_t tg_dot_low(uint32_t a, uint32_t b, uint32_t sum) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__smlabb((int32_t)a, (int32_t)b, (int32_t)sum);
#else
  return sum + (uint32_t)(tg_half(a, 0) * tg_half(b, 0));
#endif
}

/* sum plus the product of the upper halfwords. */
static inline uint32_t tg_dot_high(uint32_t a, uint32_t b, uint32_t sum) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__smlatt((int32_t)a, (int32_t)b, (int32_t)sum);
#else
  return sum + (uint32_t)(tg_half(a, 1) * tg_half(b, 1));
#endif
}

/* sum plus a's lower half times b's upper. */
static inline uint32_t tg_dot_low_high(uint32_t a, uint32_t b, uint32_t sum) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("smlabt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#elif TG_DSP_ACLE
  return (uint32_t)__smlabt((int32_t)a, (int32_t)b, (int32_t)sum);
#else
  return sum + (uint32_t)(tg_half(a, 0) * tg_half(b, 1));
#endif
}

/* The larger of each pair of int8. */
static inline uint32_t tg_max4(uint32_t a, uint32_t b) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
  return result;
#elif TG_DSP_ACLE
  (void)__ssub8((int8x4_t)a, (int8x4_t)b);
  return (uint32_t)__sel((uint8x4_t)a, (uint8x4_t)b);
#else
  uint32_t result = 0;
  for (uint32_t i = 0; i < 32; i += 8) {
    const uint32_t x = (a >> i & 0xFFu) ^ 0x80u;
    const uint32_t y = (b >> i & 0xFFu) ^ 0x80u;
    result |= ((x > y ? x : y) ^ 0x80u) << i;
  }
  return result;
#endif
}

/* The upper word of x * scale, rounded to the nearest, ties upwards, plus a number. The compiler proves that it fits. */
static inline int32_t tg_high_plus(int32_t x, int32_t scale, int32_t plus) {
#if TG_HAS_DSP
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(scale), "r"(plus));
  return result;
#elif TG_DSP_ACLE && !defined(__clang__)
  /* Other compilers than clang do not find the instruction for it, but SMLAL for this: what is added does not wait for the
   * product. */
  const uint64_t more = (uint64_t)(uint32_t)plus << 32 | 0x80000000u;
  return (int32_t)(uint32_t)(((uint64_t)((int64_t)x * scale) + more) >> 32);
#else
  return (int32_t)(((int64_t)x * scale + ((int64_t)1 << 31)) >> 32) + plus;
#endif
}

/* A sum by one channel's scale = pre + (multiplier << (32 - post)), that is, (x >> pre) * multiplier / 2^post, halves
 * upwards, plus offset. The compiler proves that pre does not get in the multiplier's way, and that nothing wraps. */
static inline int32_t tg_scale_high(int32_t x, uint32_t scale, int32_t offset) {
  return tg_high_plus(x >> (scale & 0xFFu), (int32_t)(scale & ~0xFFu), offset);
}

/* Brings count bytes between min and max, four at once. */
static TG_APART TG_SMALL void tg_dsp_clamp(int8_t *x, int32_t count, int32_t min, int32_t max) {
  const uint32_t low = 0x1010101u * (uint8_t)min;
  const uint32_t not_high = ~(0x1010101u * (uint8_t)max);
  if (min == INT8_MIN && max == INT8_MAX) {
    return;
  }
  TG_COMPACT
  for (; count >= 4; count -= 4) {
    tg_store4(x, ~tg_max4(~tg_max4(tg_load4(x), low), not_high));
    x += 4;
  }
  TG_COMPACT
  for (; count > 0; count--) {
    const int32_t at_least = *x < min ? min : *x;
    *x++ = (int8_t)(at_least > max ? max : at_least);
  }
}

/* The same as a statement, one at a time, by a variable i: where it is seldom needed, small. Networks with offsets have their
 * ReLUs at the ends of int8. A function would cost its callers registers. */
#define TG_CLAMP_SELDOM(x, i, count, min, max) \
  if ((min) > INT8_MIN || (max) < INT8_MAX) {  \
    TG_COMPACT                                 \
    for ((i) = 0; (i) < (count); (i)++) {      \
      (x)[i] = tg_clamp_s8((x)[i], min, max);  \
    }                                          \
  }

#if TG_DSP_ACLE && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* of an int32_t to what gcc's own __ssat takes for unsigned */
#endif

/* The nearest int8. */
static inline int32_t tg_saturate_s8(int32_t x) {
#if TG_HAS_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x) : "cc");
  return result;
#elif TG_DSP_ACLE
  return __ssat(x, 8);
#else
  return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

#if TG_DSP_ACLE && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif
