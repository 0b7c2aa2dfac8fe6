/* Functions of single-precision numbers that are computed in double precision and rounded once: each step of its own, in
 * one order, the same bits on every machine. For what no network computes for every pixel: cores without a unit for double
 * precision take a library's routines.
 *
 * tinyglow/numerics/float64.py has the same functions in numpy, and says where the constants come from. */
#ifndef TG_DOUBLE_H
#define TG_DOUBLE_H

#include "tg_angle.h"

typedef union {
  double value;
  uint64_t bits;
} tg_double_bits;

static inline double tg_infinity_f64(void) {
  tg_double_bits both;
  both.bits = (uint64_t)0x7ff << 52;
  return both.value;
}

/* Rounded to a float; of NaN, infinity and what is too large too. */
static inline float tg_rounded_f64(double x) { return tg_one_nan_f32((float)x); }

/* 1 + sign * square / 3 + square^2 / 5 + ... */
static inline double tg_odd_series_f64(double square, double sign) {
  double result = 1.0 / 25.0;
  for (int32_t odd = 23; odd > 0; odd -= 2) {
    result = 1.0 / (double)odd + sign * square * result;
  }
  return result;
}

/* 1 + square / (2 * 3) + square^2 / (2 * 3 * 4 * 5) + ..., from the term of (first, first + 1) on down; first even: the
 * series of sinh(x) / x; odd: that of cosh. sign -1: of sin and cos. */
static inline double tg_angle_series_f64(int32_t first, double sign, double square) {
  double result = 1.0;
  for (int32_t k = first; k > 0; k -= 2) {
    result = 1.0 + square / (sign * (double)(k * (k + 1))) * result;
  }
  return result;
}

/* e^x; x from -200 to 200. */
static inline double tg_exp_f64(double x) {
  const double n = (x * 0x1.71547652b82fep+0 + 6755399441055744.0) - 6755399441055744.0;
  const double rest = (x - n * 0x1.62e42fep-1) - n * 0x1.f473de6af278fp-30;
  double result = 1.0;
  for (int32_t k = 14; k > 0; k--) {
    result = 1.0 + rest / (double)k * result;
  }
  tg_double_bits power;
  power.bits = (uint64_t)((int64_t)n + 1023) << 52;
  return result * power.value;
}

/* ln(x) of a positive normal number. */
static inline double tg_log_f64(double x) {
  tg_double_bits m;
  m.value = x;
  int32_t exponent = (int32_t)(m.bits >> 52) - 1022;
  m.bits = (m.bits & 0x000fffffffffffff) | 0x3fe0000000000000;
  if (m.value < 0x1.6a09e667f3bcdp-1) {
    m.value = m.value + m.value;
    exponent--;
  }
  const double ratio = (m.value - 1.0) / (m.value + 1.0);
  return (double)exponent * 0x1.62e42fefa39efp-1 + 2.0 * ratio * tg_odd_series_f64(ratio * ratio, 1.0);
}

/* The square root of a number from 0 to 2^127; two of Newton's steps from a float's. */
static inline double tg_sqrt_f64(double x) {
  double root = (double)tg_sqrt_f32((float)x);
  for (int32_t step = 0; step < 2; step++) {
    root = root > 0.0 ? 0.5 * (root + x / root) : 0.0;
  }
  return root;
}

/* The arc whose tangent is x, of x at least 0; pi / 2 of infinity. */
static inline double tg_atan_f64(double x) {
  const double t = x > 1.0 ? 1.0 / x : x;
  const double center = t > 0.75 ? 1.0 : t > 0.25 ? 0.5 : 0.0;
  const double rest = (t - center) / (1.0 + t * center);
  const double near = t > 0.75 ? 0x1.921fb54442d18p-1 : t > 0.25 ? 0x1.dac670561bb4fp-2 : 0.0;
  const double arc = near + rest * tg_odd_series_f64(rest * rest, -1.0);
  return x > 1.0 ? 0x1.921fb54442d18p+0 - arc : arc;
}

/* A number with the sign of x; any NaN the same NaN. */
static inline float tg_signed_as_f32(double size, float x) {
  const float result = tg_rounded_f64(size);
  return tg_is_nan_f32(x) || tg_is_nan_f32(result) ? tg_nan_f32() : tg_bits_of_f32(x) >> 31 ? -result : result;
}

static inline double tg_size_f64(float x) { return (double)tg_f32_of_bits(tg_bits_of_f32(x) & 0x7fffffff); }

static inline float tg_atan_f32(float x) { return tg_signed_as_f32(tg_is_nan_f32(x) ? 0.0 : tg_atan_f64(tg_size_f64(x)), x); }

static inline float tg_asin_f32(float x) {
  const double size = tg_size_f64(x);
  if (!(size <= 1.0)) {
    return tg_nan_f32();
  }
  const double root = tg_sqrt_f64((1.0 - size) * (1.0 + size));
  return tg_signed_as_f32(tg_atan_f64(root > 0.0 ? size / root : tg_infinity_f64()), x);
}

static inline float tg_acos_f32(float x) {
  if (!(tg_size_f64(x) <= 1.0)) {
    return tg_nan_f32();
  }
  const double below = 1.0 + (double)x;
  if (!(below > 0.0)) {
    return tg_rounded_f64(0x1.921fb54442d18p+1);
  }
  return tg_rounded_f64(2.0 * tg_atan_f64(tg_sqrt_f64((1.0 - (double)x) / below)));
}

static inline float tg_sinh_f32(float x) {
  const double size = tg_is_nan_f32(x) ? 0.0 : tg_size_f64(x);
  if (size < 0.5) {
    return tg_signed_as_f32(size * tg_angle_series_f64(8, 1.0, size * size), x);
  }
  const double bounded = size > 100.0 ? 100.0 : size;
  return tg_signed_as_f32((tg_exp_f64(bounded) - tg_exp_f64(-bounded)) * 0.5, x);
}

static inline float tg_cosh_f32(float x) {
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  const double size = tg_size_f64(x), bounded = size > 100.0 ? 100.0 : size;
  return tg_rounded_f64((tg_exp_f64(bounded) + tg_exp_f64(-bounded)) * 0.5);
}

static inline float tg_tan_f32(float x) {
  if ((tg_bits_of_f32(x) & 0x7f800000) == 0x7f800000) {
    return tg_nan_f32();
  }
  int64_t rest = 0;
  const int32_t n = tg_turns_f32(x, &rest);
  const double y = n < 0 ? tg_size_f64(x) : (double)rest * 0x1.921fb54442d18p-62;
  const double square = y * y;
  const double sine = y * tg_angle_series_f64(16, -1.0, square), cosine = tg_angle_series_f64(15, -1.0, square);
  return tg_signed_as_f32(n >= 0 && (n & 1) ? -cosine / sine : sine / cosine, x);
}

static inline float tg_asinh_f32(float x) {
  const double size = tg_size_f64(x);
  if ((tg_bits_of_f32(x) & 0x7f800000) == 0x7f800000) {
    return tg_one_nan_f32(x);
  }
  if (size < 1e-4) {
    return tg_signed_as_f32(size * (1.0 - size * size / 6.0), x);
  }
  if (size > 1e9) {
    return tg_signed_as_f32(tg_log_f64(size) + 0x1.62e42fefa39efp-1, x);
  }
  return tg_signed_as_f32(tg_log_f64(size + tg_sqrt_f64(size * size + 1.0)), x);
}

static inline float tg_acosh_f32(float x) {
  if (!(x >= 1.0f)) {
    return tg_nan_f32();
  }
  const double size = (double)x;
  if (x > 3.4028235e38f) {
    return x;
  }
  if (size > 1e9) {
    return tg_rounded_f64(tg_log_f64(size) + 0x1.62e42fefa39efp-1);
  }
  return tg_rounded_f64(tg_log_f64(size + tg_sqrt_f64((size - 1.0) * (size + 1.0))));
}

static inline float tg_atanh_f32(float x) {
  const double size = tg_size_f64(x);
  if (!(size <= 1.0)) {
    return tg_nan_f32();
  }
  if (size < 1e-4) {
    return tg_signed_as_f32(size * (1.0 + size * size / 3.0), x);
  }
  return tg_signed_as_f32(size < 1.0 ? 0.5 * tg_log_f64((1.0 + size) / (1.0 - size)) : tg_infinity_f64(), x);
}

/* e^x - 1. */
static inline float tg_expm1_f32(float x) {
  if (tg_is_nan_f32(x) || x == 0.0f) {
    return tg_one_nan_f32(x);
  }
  const double size = x < -100.0f ? -100.0 : x > 100.0f ? 100.0 : (double)x;
  return tg_rounded_f64(tg_size_f64(x) < 1e-5 ? size + size * size * 0.5 : tg_exp_f64(size) - 1.0);
}

/* ln(1 + e^x). */
static inline float tg_softplus_f32(float x) {
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  const double size = tg_size_f64(x);
  const double power = tg_exp_f64(size > 120.0 ? -120.0 : -size);
  return tg_rounded_f64((x > 0.0f ? (double)x : 0.0) + (power < 1e-8 ? power : tg_log_f64(1.0 + power)));
}

#endif
