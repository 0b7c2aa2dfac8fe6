/* Integer arithmetic of LiteRT's reference kernels: a real multiplier is multiplier * 2^(shift - 31). */
#ifndef TG_TFLITE_H
#define TG_TFLITE_H

#include "tg_numerics.h"

/* a * b / 2^31, ties upwards, also of negative numbers; saturated for the least number squared. */
static inline int32_t tg_high_product(int32_t a, int32_t b) {
  const int64_t product = (int64_t)a * b;
  const int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  const int64_t result = (product + nudge) / ((int64_t)1 << 31);
  return result > INT32_MAX ? INT32_MAX : (int32_t)result;
}

/* x / 2^exponent, ties away from zero; exponent is 0 to 31. */
static inline int32_t tg_divide_by_power(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)(((uint32_t)1 << exponent) - 1);
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/* x times a multiplier, rounded twice: to the upper word, and by the shift that is left. */
static inline int32_t tg_scaled_twice(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t wide = (int32_t)((uint32_t)x << tg_max(shift, 0));
  return tg_divide_by_power(tg_high_product(wide, multiplier), tg_max(-shift, 0));
}

/* x times a multiplier, rounded once, ties upwards; brought between -2^30 and 2^30, far beyond int8. */
static inline int32_t tg_scaled_once(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t total = 31 - shift;
  const int64_t result = ((int64_t)x * multiplier + ((int64_t)1 << (total - 1))) >> total;
  const int64_t limit = (int64_t)1 << 30;
  return (int32_t)(result > limit ? limit : result < -limit ? -limit : result);
}

/* x * 2^exponent, saturated. */
static inline int32_t tg_shifted_up(int32_t x, int32_t exponent) {
  const int64_t result = (int64_t)x * ((int64_t)1 << exponent);
  return result > INT32_MAX ? INT32_MAX : result < INT32_MIN ? INT32_MIN : (int32_t)result;
}

/* 1 / (1 + a) for a from 0 to 1, both with 31 fractional bits, by three of Newton's steps (gemmlowp, fixedpoint.h). */
static inline int32_t tg_one_over_one_plus(int32_t a) {
  const int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + tg_high_product(half_denominator, -1010580540);
  for (int32_t step = 0; step < 3; step++) {
    const int32_t rest = ((int32_t)1 << 29) - tg_high_product(half_denominator, x);
    x += tg_shifted_up(tg_high_product(x, rest), 2);
  }
  return tg_shifted_up(x, 1);
}

/* x plus an offset, between low and high, whatever x is. */
static inline int8_t tg_offset_s8(int32_t x, int32_t offset, int32_t low, int32_t high) {
  return tg_clamp_s8(tg_max(tg_min(x, 1 << 20), -(1 << 20)) + offset, low, high);
}

/* The same for int16. */
static inline int16_t tg_offset_s16(int32_t x, int32_t offset, int32_t low, int32_t high) {
  const int32_t sum = tg_max(tg_min(x, 1 << 20), -(1 << 20)) + offset;
  return (int16_t)(sum < low ? low : sum > high ? high : sum);
}

/* int32 has no offset but 0, and all its numbers are between its limits. */
static inline int32_t tg_offset_s32(int32_t x, int32_t offset, int32_t low, int32_t high) {
  (void)offset;
  (void)low;
  (void)high;
  return x;
}

#endif
