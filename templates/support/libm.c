/* Functions of the C library's libm that bundles made by Glow call and a freestanding compiler may lack.
 *
 * The float functions compute in double and round once at the end: the result is the correctly rounded one but for
 * about one argument in a million, the same with every compiler. The double functions are good to about 1e-14.
 * All are weak: a bundle that brings its own keeps it. No errno, no floating-point exceptions. */
#include <stdint.h>

#define TG_WEAK __attribute__((weak))

TG_WEAK float fabsf(float x);
TG_WEAK float floorf(float x);
TG_WEAK float ceilf(float x);
TG_WEAK float truncf(float x);
TG_WEAK float roundf(float x);
TG_WEAK float rintf(float x);
TG_WEAK float nearbyintf(float x);
TG_WEAK float roundevenf(float x);
TG_WEAK long lrintf(float x);
TG_WEAK long lroundf(float x);
TG_WEAK float copysignf(float x, float sign);
TG_WEAK float fmaxf(float x, float y);
TG_WEAK float fminf(float x, float y);
TG_WEAK float sqrtf(float x);
TG_WEAK float ldexpf(float x, int exponent);
TG_WEAK float expf(float x);
TG_WEAK float exp2f(float x);
TG_WEAK float expm1f(float x);
TG_WEAK float logf(float x);
TG_WEAK float log2f(float x);
TG_WEAK float log10f(float x);
TG_WEAK float log1pf(float x);
TG_WEAK float powf(float x, float y);
TG_WEAK float tanhf(float x);
TG_WEAK float sinhf(float x);
TG_WEAK float coshf(float x);
TG_WEAK float erff(float x);
TG_WEAK double exp(double x);
TG_WEAK double log(double x);
TG_WEAK double log2(double x);
TG_WEAK double pow(double x, double y);
TG_WEAK double tanh(double x);
TG_WEAK double erf(double x);
TG_WEAK double nearbyint(double x);
TG_WEAK double rint(double x);

typedef union {
  double value;
  uint64_t bits;
} tg_double_bits;

typedef union {
  float value;
  uint32_t bits;
} tg_float_bits;

static const double tg_ln2 = 0x1.62e42fefa39efp-1;
static const double tg_log2_e = 0x1.71547652b82fep+0;
/* ln(2) in two parts: products of the first with exponents are exact. */
static const double tg_ln2_high = 0x1.62e42fee00000p-1;
static const double tg_ln2_low = 0x1.a39ef35793c76p-33;

static uint64_t tg_bits(double x) {
  tg_double_bits both;
  both.value = x;
  return both.bits;
}

static double tg_double(uint64_t bits) {
  tg_double_bits both;
  both.bits = bits;
  return both.value;
}

static uint32_t tg_bits_f(float x) {
  tg_float_bits both;
  both.value = x;
  return both.bits;
}

static float tg_float(uint32_t bits) {
  tg_float_bits both;
  both.bits = bits;
  return both.value;
}

static double tg_infinity(void) { return tg_double((uint64_t)0x7ff << 52); }

static double tg_nan(void) { return tg_double((uint64_t)0x7ff8 << 48); }

static double tg_abs(double x) { return tg_double(tg_bits(x) & ~((uint64_t)1 << 63)); }

static int tg_is_negative(double x) { return (int)(tg_bits(x) >> 63); }

static double tg_power_of_two(int32_t exponent) { return tg_double((uint64_t)(exponent + 1023) << 52); }

/* x * 2^exponent, for -2000 to 2000; halves of the power are normal numbers. */
static double tg_scale(double x, int32_t exponent) {
  const int32_t half = exponent / 2;
  return x * tg_power_of_two(half) * tg_power_of_two(exponent - half);
}

/* The nearest integer, of two the even one. */
static double tg_nearest(double x) {
  const double big = 4503599627370496.0; /* 2^52: no bits are left after the point */
  const double size = tg_abs(x);
  if (!(size < big)) {
    return x;
  }
  volatile double shifted = size + big;
  const double result = shifted - big;
  return tg_is_negative(x) ? -result : result;
}

/* e^x - 1 for |x| <= 0.4: the series as far as 1/17!. */
static double tg_expm1_near_zero(double x) {
  static const double factorials[] = {1.0,         2.0,          6.0,           24.0,           120.0,          720.0,
                                      5040.0,      40320.0,      362880.0,      3628800.0,      39916800.0,     479001600.0,
                                      6227020800.0, 87178291200.0, 1307674368000.0};
  double sum = 0.0;
  for (int32_t k = 14; k >= 0; k--) {
    sum = sum * x + 1.0 / factorials[k];
  }
  return sum * x;
}

static double tg_exp(double x) {
  if (x != x) {
    return x;
  }
  if (x > 709.8) {
    return tg_infinity();
  }
  if (x < -745.2) {
    return 0.0;
  }
  const double n = tg_nearest(x * tg_log2_e);
  const double r = (x - n * tg_ln2_high) - n * tg_ln2_low;
  return tg_scale(1.0 + tg_expm1_near_zero(r), (int32_t)n);
}

static double tg_expm1(double x) { return tg_abs(x) <= 0.4 ? tg_expm1_near_zero(x) : tg_exp(x) - 1.0; }

/* ln(1 + f) = 2 artanh(f / (2 + f)), for 1 + f from sqrt(1/2) to sqrt(2): the series as far as s^21. */
static double tg_log1p_near_zero(double f) {
  const double s = f / (2.0 + f);
  const double square = s * s;
  double sum = 0.0;
  for (int32_t k = 21; k >= 1; k -= 2) {
    sum = sum * square + 1.0 / (double)k;
  }
  return 2.0 * s * sum;
}

/* x = 2^*exponent * m with m from sqrt(1/2) to sqrt(2); x positive and finite. Returns m. */
static double tg_split(double x, int32_t *exponent) {
  int32_t shift = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    shift = -54;
  }
  const uint64_t bits = tg_bits(x);
  int32_t e = (int32_t)(bits >> 52) - 1023;
  double m = tg_double((bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1023 << 52);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  *exponent = e + shift;
  return m;
}

/* ln(x) (base_two: the logarithm to base 2, exact for powers of two). */
static double tg_log(double x, int base_two) {
  if (x != x || x == tg_infinity()) {
    return x;
  }
  if (x <= 0.0) {
    return x == 0.0 ? -tg_infinity() : tg_nan();
  }
  int32_t exponent;
  const double rest = tg_log1p_near_zero(tg_split(x, &exponent) - 1.0);
  if (base_two) {
    return (double)exponent + rest * tg_log2_e;
  }
  return (double)exponent * tg_ln2_high + ((double)exponent * tg_ln2_low + rest);
}

/* C99, F.9.4.4. */
static double tg_pow(double x, double y) {
  if (y == 0.0 || x == 1.0) {
    return 1.0;
  }
  if (x != x || y != y) {
    return tg_nan();
  }
  const int is_integer = tg_nearest(y) == y;
  const int is_odd = is_integer && tg_abs(y) < 0x1p53 && tg_nearest(y * 0.5) != y * 0.5;
  const double size = tg_abs(x);
  if (x < 0.0 && size != tg_infinity() && !is_integer) {
    return tg_nan();
  }
  const double result = size == 1.0 ? 1.0 : tg_exp(y * tg_log(size, 0));
  return tg_is_negative(x) && is_odd ? -result : result;
}

static double tg_tanh(double x) {
  const double size = tg_abs(x);
  if (x != x) {
    return x;
  }
  const double t = size > 22.0 ? 1.0 : tg_expm1(2.0 * size) / (tg_expm1(2.0 * size) + 2.0);
  return tg_is_negative(x) ? -t : t;
}

/* erf(x) = 2 / sqrt(pi) * e^(-x^2) * (x + 2 x^3 / 3 + 4 x^5 / 15 + ...): no cancellation (Abramowitz, Stegun, 7.1.6). */
static double tg_erf(double x) {
  const double size = tg_abs(x);
  if (x != x) {
    return x;
  }
  double result = 1.0;
  if (size < 6.0) {
    double term = size;
    double sum = size;
    for (int32_t n = 1; n < 150 && term > sum * 1e-17; n++) {
      term *= 2.0 * size * size / (double)(2 * n + 1);
      sum += term;
    }
    result = 0x1.20dd750429b6dp+0 * tg_exp(-size * size) * sum;
  }
  return tg_is_negative(x) ? -result : result;
}

/* Parts of floats are exact in float: no need for doubles. */

float fabsf(float x) { return tg_float(tg_bits_f(x) & 0x7fffffff); }

float copysignf(float x, float sign) { return tg_float((tg_bits_f(x) & 0x7fffffff) | (tg_bits_f(sign) & 0x80000000)); }

float truncf(float x) {
  const int32_t exponent = (int32_t)(tg_bits_f(x) >> 23 & 0xff) - 127;
  if (exponent >= 23) {
    return x;
  }
  if (exponent < 0) {
    return tg_float(tg_bits_f(x) & 0x80000000);
  }
  return tg_float(tg_bits_f(x) & ~((uint32_t)0x7fffff >> exponent));
}

float floorf(float x) {
  const float whole = truncf(x);
  return whole > x ? whole - 1.0f : whole;
}

float ceilf(float x) {
  const float whole = truncf(x);
  return whole < x ? copysignf(whole + 1.0f, x) : whole;
}

float roundf(float x) {
  const float whole = truncf(x);
  return fabsf(x - whole) >= 0.5f ? whole + copysignf(1.0f, x) : whole;
}

float roundevenf(float x) {
  const float whole = truncf(x);
  const float rest = fabsf(x - whole);
  const float half = whole * 0.5f;
  const int is_odd = truncf(half) != half;
  return rest > 0.5f || (rest == 0.5f && is_odd) ? whole + copysignf(1.0f, x) : whole;
}

float rintf(float x) { return roundevenf(x); }

float nearbyintf(float x) { return roundevenf(x); }

long lrintf(float x) { return (long)roundevenf(x); }

long lroundf(float x) { return (long)roundf(x); }

float fmaxf(float x, float y) { return x != x || x < y ? y : x; }

float fminf(float x, float y) { return x != x || y < x ? y : x; }

/* Bit by bit in integers: correctly rounded. */
float sqrtf(float x) {
  uint32_t bits = tg_bits_f(x);
  if (x != x || x == 0.0f || bits == 0x7f800000) {
    return x;
  }
  if (bits >> 31) {
    return (float)tg_nan();
  }
  int32_t exponent = (int32_t)(bits >> 23) - 127;
  uint32_t mantissa = (bits & 0x7fffff) | 0x800000;
  if (exponent == -127) { /* subnormal */
    mantissa = bits << 1;
    while (mantissa < 0x800000) {
      mantissa <<= 1;
      exponent -= 1;
    }
  }
  if (exponent & 1) {
    mantissa <<= 1;
    exponent -= 1;
  }
  uint64_t rest = (uint64_t)mantissa << 25; /* the root of it has 25 bits: one to round by */
  uint64_t root = 0;
  for (uint64_t bit = (uint64_t)1 << 48; bit != 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  root = (root + 1) >> 1; /* never a tie: such a root would have a square of more bits */
  return tg_float((uint32_t)(exponent / 2 + 127 - 1) * 0x800000u + (uint32_t)root);
}

float ldexpf(float x, int exponent) {
  exponent = exponent > 600 ? 600 : exponent < -600 ? -600 : exponent;
  return (float)tg_scale((double)x, exponent);
}

float expf(float x) { return (float)tg_exp((double)x); }

float exp2f(float x) {
  const double n = tg_nearest((double)x);
  if (x != x || x > 200.0f || x < -200.0f) {
    return (float)tg_exp((double)x);
  }
  return (float)tg_scale(1.0 + tg_expm1_near_zero(((double)x - n) * tg_ln2), (int32_t)n);
}

float expm1f(float x) { return x == 0.0f ? x : (float)tg_expm1((double)x); }

float logf(float x) { return (float)tg_log((double)x, 0); }

float log2f(float x) { return (float)tg_log((double)x, 1); }

float log10f(float x) { return (float)(tg_log((double)x, 0) * 0x1.bcb7b1526e50ep-2); }

float log1pf(float x) {
  const double wide = (double)x;
  if (x == 0.0f) {
    return x;
  }
  return (float)(tg_abs(wide) < 0.25 ? tg_log1p_near_zero(wide) : tg_log(1.0 + wide, 0));
}

float powf(float x, float y) { return (float)tg_pow((double)x, (double)y); }

float tanhf(float x) { return x == 0.0f ? x : (float)tg_tanh((double)x); }

float sinhf(float x) {
  const double t = tg_expm1((double)fabsf(x));
  const double size = fabsf(x) > 100.0f ? tg_infinity() : 0.5 * (t + t / (t + 1.0));
  return x != x || x == 0.0f ? x : copysignf((float)size, x);
}

float coshf(float x) {
  const double e = tg_exp((double)fabsf(x));
  return (float)(0.5 * (e + 1.0 / e));
}

float erff(float x) { return x == 0.0f ? x : (float)tg_erf((double)x); }

double exp(double x) { return tg_exp(x); }

double log(double x) { return tg_log(x, 0); }

double log2(double x) { return tg_log(x, 1); }

double pow(double x, double y) { return tg_pow(x, y); }

double tanh(double x) { return x == 0.0 ? x : tg_tanh(x); }

double erf(double x) { return x == 0.0 ? x : tg_erf(x); }

double nearbyint(double x) { return tg_nearest(x); }

double rint(double x) { return tg_nearest(x); }
