/* Functions of single-precision numbers, each step rounded to a float, in one order: the same bits on every machine.
 *
 * Include it in every file that computes with floats: it also forbids the compiler to fuse a product and a sum, which
 * would round once where two roundings are meant. No function needs a library; a NaN result is always the same NaN.
 *
 * tinyglow/numerics/float32.py has the same functions in numpy, where the constants come from, and the largest error of
 * each, in units in the last place (ulp) of the result, measured over all 2^32 floats. */
#ifndef TG_FLOAT_H
#define TG_FLOAT_H

#include <stdint.h>

#include "tg_core.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

#if defined(__FLT_EVAL_METHOD__)
#if __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "floats are computed with more than single precision: on x86, compile with -msse2 -mfpmath=sse"
#endif
#endif

#if (defined(__ARM_FP) && (__ARM_FP & 4)) || defined(__aarch64__) || defined(__SSE2__)
#define TG_HAS_FPU
#endif

/* TG_SQRT(x): the FPU's square root, where the compiler makes one instruction of it; gcc does with -fno-math-errno. */
#ifdef TG_HAS_FPU
#if defined(__NO_MATH_ERRNO__) && defined(__OPTIMIZE__) && !defined(__clang__)
#define TG_SQRT(x) __builtin_sqrtf(x)
#elif defined(__has_builtin)
#if __has_builtin(__builtin_elementwise_sqrt)
#define TG_SQRT(x) __builtin_elementwise_sqrt(x)
#endif
#endif
#endif

typedef union {
  float value;
  uint32_t bits;
} tg_float_bits;

static inline uint32_t tg_bits_of_f32(float x) {
  tg_float_bits both;
  both.value = x;
  return both.bits;
}

static inline float tg_f32_of_bits(uint32_t bits) {
  tg_float_bits both;
  both.bits = bits;
  return both.value;
}

static inline float tg_nan_f32(void) { return tg_f32_of_bits(0x7fc00000); }

/* In integers: compilers take one NaN for as good as another, and may drop what makes one of the other. */
static inline int32_t tg_is_nan_f32(float x) { return (tg_bits_of_f32(x) & 0x7fffffff) > 0x7f800000; }

/* x, and any NaN the same NaN: processors differ in which one an operation makes. */
static inline float tg_one_nan_f32(float x) { return tg_is_nan_f32(x) ? tg_nan_f32() : x; }

static inline float tg_infinity_f32(void) { return tg_f32_of_bits(0x7f800000); }

/* The nearest integer, of two the even one: adding 2^23 to a smaller number leaves no bits after the point. */
static inline float tg_nearest_f32(float x) {
  const uint32_t sign = tg_bits_of_f32(x) & 0x80000000;
  const float size = tg_f32_of_bits(tg_bits_of_f32(x) & 0x7fffffff);
  if (!(size < 8388608.0f)) {
    return tg_one_nan_f32(x);
  }
  return tg_f32_of_bits(tg_bits_of_f32((size + 8388608.0f) - 8388608.0f) | sign);
}

/* The largest integer not above x. */
static inline float tg_floor_f32(float x) {
  const float nearest = tg_nearest_f32(x);
  return nearest > x ? nearest - 1.0f : nearest;
}

/* 2^exponent, for exponents of normal numbers: -126 to 127. */
static inline float tg_power_of_two_f32(int32_t exponent) { return tg_f32_of_bits((uint32_t)(exponent + 127) << 23); }

/* x * 2^exponent, rounded once; x between 1/2 and 2, exponent -252 to 254. Half of the power leaves a normal number,
 * so that the first product is exact. */
static inline float tg_scale_f32(float x, int32_t exponent) {
  const int32_t half = exponent >> 1;
  return x * tg_power_of_two_f32(half) * tg_power_of_two_f32(exponent - half);
}

/* e^(high - low) for differences from -ln(2) / 2 to ln(2) / 2; low is next to nothing beside high. */
static inline float tg_exp_near_zero_f32(float high, float low) {
  const float r = high - low;
  float tail = 0x1.6a4d6p-10f;
  tail = tail * r + 0x1.12398ep-7f;
  tail = tail * r + 0x1.5558bp-5f;
  tail = tail * r + 0x1.555492p-3f;
  tail = tail * r + 0x1.fffffcp-2f;
  return 1.0f + (high + (r * r * tail - low));
}

/* e^x; infinity from 88.72284 on, 0 below -103.97208, subnormal numbers rounded like all others. */
static inline float tg_exp_f32(float x) {
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  x = x < -104.0f ? -104.0f : x > 89.0f ? 89.0f : x;
  /* x is n * ln(2) and a rest. Adding 1.5 * 2^23 rounds to an integer, which then is in the low bits. */
  const float shifted = x * 0x1.715476p+0f + 12582912.0f;
  const int32_t n = (int32_t)(tg_bits_of_f32(shifted) - 0x4b400000);
  const float whole = shifted - 12582912.0f;
  return tg_scale_f32(tg_exp_near_zero_f32(x - whole * 0x1.62e4p-1f, whole * 0x1.7f7d1cp-20f), n);
}

/* x = 2^exponent * (1 + f), where 1 + f is from sqrt(1/2) to sqrt(2). */
typedef struct {
  int32_t exponent;
  float f;
} tg_mantissa;

/* Of a positive, finite number. */
static inline tg_mantissa tg_mantissa_f32(float x) {
  uint32_t bits = tg_bits_of_f32(x);
  int32_t exponent = 0;
  if (bits < 0x00800000) { /* subnormal */
    bits = tg_bits_of_f32(x * 8388608.0f);
    exponent = -23;
  }
  const uint32_t above = bits - 0x3f3504f3;
  tg_mantissa parts;
  parts.exponent = exponent + ((int32_t)above >> 23);
  parts.f = tg_f32_of_bits((above & 0x007fffff) + 0x3f3504f3) - 1.0f;
  return parts;
}

/* log(1 + f) - f for the f of a tg_mantissa. */
static inline float tg_log_tail_f32(float f) {
  const float square = f * f;
  float tail = -0x1.38c968p-4f;
  tail = tail * f + 0x1.055eacp-3f;
  tail = tail * f - 0x1.0d8246p-3f;
  tail = tail * f + 0x1.22d93p-3f;
  tail = tail * f - 0x1.54728ap-3f;
  tail = tail * f + 0x1.99a01cp-3f;
  tail = tail * f - 0x1.000226p-2f;
  tail = tail * f + 0x1.555554p-2f;
  return square * f * tail - 0.5f * square;
}

/* Natural logarithm; minus infinity of 0 and -0, NaN of negative numbers. */
static inline float tg_log_f32(float x) {
  if (tg_is_nan_f32(x) || x < 0.0f) {
    return tg_nan_f32();
  }
  if (x == 0.0f) {
    return -tg_infinity_f32();
  }
  if (x == tg_infinity_f32()) {
    return x;
  }
  const tg_mantissa parts = tg_mantissa_f32(x);
  const float e = (float)parts.exponent;
  const float small = tg_log_tail_f32(parts.f) + e * 0x1.7f7d1cp-20f;
  return (parts.f + small) + e * 0x1.62e4p-1f;
}

/* The mantissa of a positive, finite number, from 2^23 to 2^24; *exponent: its weight is 2^(*exponent - 150). */
static inline uint32_t tg_split_f32(uint32_t bits, tg_i32 *exponent) {
  *exponent = (int32_t)(bits >> 23);
  if (*exponent > 0) {
    return (bits & 0x007fffff) | 0x00800000;
  }
  for (*exponent = 1; bits < 0x00800000; bits <<= 1) {
    --*exponent;
  }
  return bits;
}

/* x / y; the division of some compilers' libraries rounds subnormal quotients wrongly. */
static inline float tg_divide_f32(float x, float y) {
  const float quotient = x / y;
#ifndef TG_HAS_FPU
  const uint32_t dividend = tg_bits_of_f32(x) & 0x7fffffff;
  const uint32_t divisor = tg_bits_of_f32(y) & 0x7fffffff;
  const int32_t special = dividend == 0 || divisor == 0 || divisor >= 0x7f800000;
  if (!special && (tg_bits_of_f32(quotient) & 0x7fffffff) < 0x01000000) {
    int32_t x_exponent;
    int32_t y_exponent;
    uint32_t rest = tg_split_f32(dividend, &x_exponent);
    const uint32_t step = tg_split_f32(divisor, &y_exponent);
    /* The quotient in units of 2^-149, the weight of the lowest bit, with one bit more. */
    uint32_t doubled = 0;
    for (int32_t bits = x_exponent - y_exponent + 150; bits >= 0; bits--) {
      doubled <<= 1;
      if (rest >= step) {
        rest -= step;
        doubled++;
      }
      rest <<= 1;
    }
    const uint32_t nearest = (doubled >> 1) + (doubled & 1 & (uint32_t)(rest != 0 || (doubled & 2) != 0));
    return tg_f32_of_bits(nearest | ((tg_bits_of_f32(x) ^ tg_bits_of_f32(y)) & 0x80000000));
  }
#endif
  return quotient;
}

/* Hyperbolic tangent. */
static inline float tg_tanh_f32(float x) {
  const float size = x < 0.0f ? -x : x;
  if (size < 0.625f) {
    const float square = x * x;
    float tail = -0x1.75619ap-8f;
    tail = tail * square + 0x1.5207b8p-6f;
    tail = tail * square - 0x1.b83738p-5f;
    tail = tail * square + 0x1.1106fcp-3f;
    tail = tail * square - 0x1.555532p-2f;
    return x + x * square * tail;
  }
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  const float result = 1.0f - 2.0f / (tg_exp_f32(size + size) + 1.0f);
  return x < 0.0f ? -result : result;
}

/* 1 / (1 + e^-x), of e^-|x|, which does not overflow. */
static inline float tg_sigmoid_f32(float x) {
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  const float power = tg_exp_f32(x < 0.0f ? x : -x);
  if (x < 0.0f) {
    return power - power * (power / (1.0f + power));
  }
  return 1.0f / (1.0f + power);
}

/* Square root, correctly rounded; NaN of negative numbers, -0 of -0. */
static inline float tg_sqrt_f32(float x) {
#ifdef TG_SQRT
  return tg_one_nan_f32(TG_SQRT(x));
#else
  uint32_t rest = tg_bits_of_f32(x);
  if (rest << 1 == 0 || rest == 0x7f800000) {
    return x;
  }
  if (rest > 0x7f800000) { /* NaN or negative */
    return tg_nan_f32();
  }
  int32_t exponent;
  rest = tg_split_f32(rest, &exponent);
  exponent -= 127;
  rest <<= 1 + (exponent & 1);
  /* One bit of the root after the other, one more than the result has: no root lies in the middle of two floats. */
  uint32_t root = 0;
  uint32_t doubled = 0;
  for (uint32_t bit = 0x01000000; bit != 0; bit >>= 1) {
    const uint32_t trial = doubled + bit;
    if (rest >= trial) {
      rest -= trial;
      doubled = trial + bit;
      root += bit;
    }
    rest <<= 1;
  }
  return tg_f32_of_bits(((uint32_t)((exponent >> 1) + 126) << 23) + ((root + 1) >> 1));
#endif
}

#endif
