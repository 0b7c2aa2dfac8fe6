/* Functions of one or two numbers that kernels of plain tensors apply to each element, and that are more than an
 * expression; tinyglow/numerics/scalar.py has the same in numpy. */
#ifndef TG_SCALAR_H
#define TG_SCALAR_H

#include "tg_float.h"

/* The remainder of x / y, with the sign of x; exact. */
static inline float tg_fmod_f32(float x, float y) {
  const uint32_t sign = tg_bits_of_f32(x) & 0x80000000;
  const uint32_t dividend = tg_bits_of_f32(x) & 0x7fffffff, divisor = tg_bits_of_f32(y) & 0x7fffffff;
  if (dividend >= 0x7f800000 || divisor > 0x7f800000 || divisor == 0) {
    return tg_nan_f32();
  }
  if (dividend < divisor) {
    return x;
  }
  int32_t x_exponent, y_exponent;
  uint32_t rest = tg_split_f32(dividend, &x_exponent);
  const uint32_t step = tg_split_f32(divisor, &y_exponent);
  for (; x_exponent >= y_exponent; x_exponent--) {
    rest = rest >= step ? rest - step : rest;
    if (x_exponent > y_exponent) {
      rest <<= 1;
    }
  }
  /* The rest is of the divisor's weight, and below it. */
  if (rest == 0) {
    return tg_f32_of_bits(sign);
  }
  int32_t exponent = y_exponent;
  while (rest < 0x00800000 && exponent > 1) {
    rest <<= 1;
    exponent--;
  }
  while (exponent < 1) {
    rest >>= 1;
    exponent++;
  }
  const uint32_t biased = rest < 0x00800000 ? 0 : (uint32_t)exponent << 23;
  return tg_f32_of_bits(sign | biased | (rest & 0x007fffff));
}

/* The remainder of x / y, with the sign of y. */
static inline float tg_mod_f32(float x, float y) {
  const float rest = tg_fmod_f32(x, y);
  if (tg_is_nan_f32(rest)) {
    return rest;
  }
  return (rest < 0.0f && y > 0.0f) || (rest > 0.0f && y < 0.0f) ? tg_one_nan_f32(rest + y) : rest;
}

/* The nearest number with the 11 bits of half precision; infinity from 65520 on. */
static inline float tg_half_f32(float x) {
  const uint32_t bits = tg_bits_of_f32(x), size = bits & 0x7fffffff;
  if (size > 0x7f800000) {
    return tg_nan_f32();
  }
  if (size < 0x38800000) { /* below 2^-14: multiples of 2^-24 */
    const float small = (tg_f32_of_bits(size) + 0.5f) - 0.5f;
    return tg_f32_of_bits(tg_bits_of_f32(small) | (bits & 0x80000000));
  }
  const uint32_t rounded = (size + 0x0fff + ((size >> 13) & 1)) & 0xffffe000;
  return tg_f32_of_bits((rounded >= 0x47800000 ? 0x7f800000 : rounded) | (bits & 0x80000000));
}

/* The nearest number with the 8 bits of bfloat16. */
static inline float tg_brain_f32(float x) {
  const uint32_t bits = tg_bits_of_f32(x);
  if ((bits & 0x7fffffff) > 0x7f800000) {
    return tg_nan_f32();
  }
  return tg_f32_of_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
}

/* x^y in integers that wrap around; 0 of negative exponents, but for x = 1. */
static inline uint64_t tg_pow_u64(uint64_t x, uint64_t y) {
  uint64_t result = 1;
  for (; y != 0; y >>= 1) {
    if (y & 1) {
      result *= x;
    }
    x *= x;
  }
  return result;
}

/* A number towards 0, as far as there is such an integer; 0 of NaN. */
static inline int64_t tg_integer_of_f32(float x) {
  if (tg_is_nan_f32(x)) {
    return 0;
  }
  return x <= -9223372036854775808.0f ? INT64_MIN : x >= 9223372036854775808.0f ? INT64_MAX : (int64_t)x;
}

#endif
