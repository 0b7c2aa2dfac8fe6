/* Arithmetic of int16 networks: products and sums of 64 bits, rounded once. Their scales are chosen so that none of them
 * leaves 64 bits. tinyglow/numerics/wide.py has the same functions in numpy. */
#ifndef TG_WIDE_H
#define TG_WIDE_H

#include <stdint.h>

#include "tg_core.h"

static inline int16_t tg_clamp_s16(int32_t x, int32_t low, int32_t high) {
  return (int16_t)(x < low ? low : x > high ? high : x);
}

/* x / 2^shift, ties upwards, saturated to 32 bits. |x| is at most 2^62, shift 0 to 62. Shifting a negative number to the
 * right is arithmetic on every compiler that is supported. */
static inline int32_t tg_round_shift(int64_t x, int32_t shift) {
  const int64_t half = (int64_t)(((uint64_t)1 << shift) >> 1);
  const int64_t value = (x + half) >> shift;
  return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

/* x * multiplier / 2^shift. */
static inline int32_t tg_scaled(int64_t x, int32_t multiplier, int32_t shift) {
  return tg_round_shift(x * multiplier, shift);
}

/* The 64 bits that two words hold, the lower one first: constants are aligned to 32 bits only. */
static inline int64_t tg_int64_of(const tg_i32 *words) {
  return (int64_t)words[1] * ((int64_t)1 << 32) + (uint32_t)words[0];
}

/* Sums of more products than this may leave 32 bits: each is 2^22 at most. */
#define TG_PRODUCTS_S16 511

static inline int32_t tg_dot_s16(const tg_i16 *x, const int8_t *w, int32_t count) {
  int32_t sum = 0;
  for (; count >= 4; count -= 4) {
    sum += x[0] * w[0];
    sum += x[1] * w[1];
    sum += x[2] * w[2];
    sum += x[3] * w[3];
    x += 4;
    w += 4;
  }
  for (; count > 0; count--) {
    sum += *x++ * *w++;
  }
  return sum;
}

/* As tg_dot_s16, for any count. */
static inline int64_t tg_dot_wide_s16(const tg_i16 *x, const int8_t *w, int32_t count) {
  int64_t sum = 0;
  for (; count > TG_PRODUCTS_S16; count -= TG_PRODUCTS_S16) {
    sum += tg_dot_s16(x, w, TG_PRODUCTS_S16);
    x += TG_PRODUCTS_S16;
    w += TG_PRODUCTS_S16;
  }
  return sum + tg_dot_s16(x, w, count);
}

/* A layer's output after its activation: negative ones times slope / 2^slope_shift if leaky, then between two bounds. */
static inline int16_t tg_activate_s16(int32_t x, int32_t leaky, int32_t slope, int32_t slope_shift, int32_t min,
                                      int32_t max) {
  if (leaky && x < 0) {
    x = tg_scaled(x, slope, slope_shift);
  }
  return tg_clamp_s16(x, min, max);
}

#endif
