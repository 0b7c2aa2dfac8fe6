/* Instructions of Cortex-M4, M7 and M33 that work on the two halfwords of a word, and what they do in portable C.
 *
 * A word holds two signed 16-bit numbers. Sums wrap modulo 2**32, as the instructions' do. */
#ifndef TG_DSP_H
#define TG_DSP_H

#include <stdint.h>

#include "tg_compact.h"

/* Clang says nothing of the DSP extension of ARMv8-M; who compiles these files for such a core has it. */
#if defined(__GNUC__) && (defined(__ARM_FEATURE_DSP) || (defined(__clang__) && defined(__ARM_ARCH_8M_MAIN__)))
#define TG_HAS_DSP 1
#else
#define TG_HAS_DSP 0
#endif

/* 1 to order instructions for the M7, which issues a load beside a multiplication; 0 for cores that load several words
 * faster one right after the other. Compilers do not tell Cortex-M7 from M4 but by what some say of the FPU. */
#if !defined(TG_DUAL_ISSUE)
#if defined(__ARM_ARCH_7EM__) && (defined(__ARM_FPV5__) || !defined(__clang__))
#define TG_DUAL_ISSUE 1
#else
#define TG_DUAL_ISSUE 0
#endif
#endif

/* For functions that are to stay one copy. */
#if defined(__GNUC__)
#define TG_APART __attribute__((noinline, unused))
#else
#define TG_APART
#endif

/* Four neighbours as one word; where cores fault on such accesses, at a multiple of 4 only. */
static inline uint32_t tg_load4(const int8_t *x) {
#if TG_HAS_DSP
  uint32_t word;
  __builtin_memcpy(&word, x, sizeof word);
  return word;
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

static inline uint32_t tg_pack_halfwords(int32_t low, int32_t high) { return ((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16; }

/* Bytes 0 and 2 of four int8, as halfwords. */
static inline uint32_t tg_even(uint32_t bytes) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
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
#else
  return tg_even_plus(numbers, bytes >> 8);
#endif
}

/* sum plus the products of both halfwords. */
static inline uint32_t tg_dot2(uint32_t a, uint32_t b, uint32_t sum) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
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

/* A sum by one channel's scale = pre + (multiplier << (32 - post)), that is, (x >> pre) * multiplier / 2^post, halves
 * upwards, plus offset. The compiler proves that pre does not get in the multiplier's way, and that nothing wraps. */
static inline int32_t tg_scale_high(int32_t x, uint32_t scale, int32_t offset) {
  const int32_t shifted = x >> (scale & 0xFFu);
#if TG_HAS_DSP
  int32_t result;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(shifted), "r"(scale & ~0xFFu), "r"(offset));
  return result;
#else
  /* With the multiplier's zeros at the end taken off, the product has 32 bits. */
  uint32_t multiplier = scale >> 8;
  uint32_t post = 24;
  while (post > 1 && !(multiplier & 1)) {
    multiplier >>= 1;
    post--;
  }
  return ((int32_t)((uint32_t)shifted * multiplier + (1u << (post - 1))) >> post) + offset;
#endif
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

/* The nearest int8. */
static inline int32_t tg_saturate_s8(int32_t x) {
#if TG_HAS_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x) : "cc");
  return result;
#else
  return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

#endif
