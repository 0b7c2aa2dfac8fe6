/* Powers of two tensors' elements in single precision: input^other, or the other way round if is_reversed. other advances
 * by a stride in each loop. Input and output may be the same buffer.
 *
 * A float has too few bits for a logarithm that is to be multiplied: that part is done in 64-bit integers. Shifting a
 * negative number to the right is arithmetic on every compiler that is supported. */
#include "tg_broadcast.h"
#include "tg_float.h"
#include "tg_kernels.h"

#define TG_POW2(bits) ((int64_t)1 << (bits))

/* log2(1 + f) / f for f = steps * 2^-24 from sqrt(1/2) - 1 to sqrt(2) - 1, with 36 bits after the point. */
static int64_t tg_pow_f32_log2_ratio(int64_t steps) {
  static const int64_t coefficients[] = {0x13ce794f9,  -0x249110b2f, 0x250e3e240, -0x24a5ea17a, 0x28a523561,
                                         -0x2e282dd8f, 0x34c7e8855,  -0x3d8e56b56, 0x49dd947f5, -0x5c551c25e,
                                         0x7b1c27aee,  -0xb8aa3b2b3, 0x171547652a};
  int64_t ratio = coefficients[0];
  for (uint32_t i = 1; i < sizeof coefficients / sizeof coefficients[0]; i++) {
    ratio = ((ratio * steps) >> 24) + coefficients[i];
  }
  return ratio;
}

/* The binary logarithm of a positive, finite number, with *bits after the point; it is below 2^38. */
static int64_t tg_pow_f32_log2_fixed(float x, tg_i32 *bits) {
  const tg_mantissa parts = tg_mantissa_f32(x);
  const int64_t steps = (int32_t)(parts.f * 16777216.0f);
  int64_t logarithm = steps * tg_pow_f32_log2_ratio(steps);
  *bits = 60;
  if (parts.exponent != 0) {
    logarithm = (logarithm >> 12) + parts.exponent * TG_POW2(48);
    *bits = 48;
  }
  for (; logarithm >= TG_POW2(38) || logarithm <= -TG_POW2(38); logarithm >>= 1) {
    --*bits;
  }
  return logarithm;
}

/* x^y of finite numbers, x above 0: e^(rest * ln(2) * 2^-30) * 2^n. */
static float tg_pow_f32_positive_power(float x, float y) {
  int32_t bits;
  const int64_t logarithm = tg_pow_f32_log2_fixed(x, &bits);
  const uint32_t word = tg_bits_of_f32(y) & 0x7fffffff;
  const int32_t biased = (int32_t)(word >> 23);
  const int32_t mantissa = (int32_t)(biased > 0 ? (word & 0x007fffff) | 0x00800000 : word);
  /* The exponent, y * log2(x), with point bits after the point; below 2^62, and from 2^59 on if y is normal. */
  const int64_t product = logarithm * (y < 0.0f ? -mantissa : mantissa);
  const int32_t point = bits + 150 - (biased > 0 ? biased : 1);
  int32_t n = 0;
  int32_t rest = 0;
  if (product != 0 && point < 52) { /* hundreds, at least */
    n = product < 0 ? -200 : 200;
  } else if (product != 0 && point <= 62) {
    const int64_t whole = (product + TG_POW2(point - 1)) >> point;
    rest = (int32_t)((product - whole * TG_POW2(point)) >> (point - 30));
    n = whole < -200 ? -200 : whole > 200 ? 200 : (int32_t)whole;
  } else if (product != 0 && point <= 93) { /* below a half */
    rest = (int32_t)(product >> (point - 30));
  }
  return tg_scale_f32(tg_exp_near_zero_f32((float)rest * 0x1.62e43p-31f, 0.0f), n);
}

static int32_t tg_pow_f32_is_integer(float y) { return tg_floor_f32(y) == y; }

static int32_t tg_pow_f32_is_odd(float y) { return tg_pow_f32_is_integer(y) && !tg_pow_f32_is_integer(y * 0.5f); }

/* Of special values as IEEE 754 has pow. */
static float tg_pow_f32_power(float x, float y) {
  const float infinity = tg_infinity_f32();
  const float size = x < 0.0f ? -x : x;
  const int32_t finite_y = y < infinity && y > -infinity;
  if (y == 0.0f || x == 1.0f) {
    return 1.0f;
  }
  if (tg_is_nan_f32(x) || tg_is_nan_f32(y) || (x < 0.0f && size < infinity && finite_y && !tg_pow_f32_is_integer(y))) {
    return tg_nan_f32();
  }
  float result;
  if (size > 0.0f && size < infinity && finite_y) {
    result = tg_pow_f32_positive_power(size, y);
  } else if (size == 1.0f) {
    result = 1.0f;
  } else {
    result = (y > 0.0f) == (size > 1.0f) ? infinity : 0.0f;
  }
  return finite_y && tg_bits_of_f32(x) >> 31 && tg_pow_f32_is_odd(y) ? -result : result;
}

void tg_pow_f32(const tg_pow_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  const tg_f32 *y;
  TG_BROADCAST(p, other, y) {
    *output++ = p->is_reversed ? tg_pow_f32_power(*y, *input) : tg_pow_f32_power(*input, *y);
    input++;
  }
}

#undef TG_POW2
