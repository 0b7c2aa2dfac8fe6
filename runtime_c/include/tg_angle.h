/* Sine and cosine in single precision, for all floats; tinyglow/numerics/float32.py has the same in numpy, and says where
 * the constants come from. */
#ifndef TG_ANGLE_H
#define TG_ANGLE_H

#include "tg_float.h"

/* |x| = (n + *rest * 2^-62) * pi / 2, n modulo 4; -1 of |x| up to pi / 4. x is finite. */
static inline int32_t tg_turns_f32(float x, int64_t *rest) {
  /* 2 / pi: 32 zeros, then 224 bits after the point. */
  static const uint32_t two_over_pi[8] = {0,          0xA2F9836E, 0x4E441529, 0xFC2757D1,
                                          0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB};
  const uint32_t bits = tg_bits_of_f32(x) & 0x7fffffff;
  if (bits < 0x3f490fdb) {
    return -1;
  }
  const uint64_t mantissa = (bits & 0x007fffff) | 0x00800000;
  const uint32_t first = (bits >> 23) - 120, shift = first & 31;
  const tg_u32 *const words = two_over_pi + (first >> 5);
  uint32_t part[3];
  for (uint32_t i = 0; i < 3; i++) {
    part[i] = (uint32_t)(((uint64_t)words[i] << 32 | words[i + 1]) << shift >> 32);
  }
  const uint64_t middle = mantissa * part[1] + (mantissa * part[2] >> 32);
  const uint64_t high = mantissa * part[0] + (middle >> 32);
  const uint64_t turns = high << 32 | (middle & 0xffffffff);
  const uint64_t n = (turns + ((uint64_t)1 << 61)) >> 62;
  *rest = (int64_t)(turns - (n << 62));
  return (int32_t)(n & 3);
}

/* |x| = n * pi / 2 + y: n modulo 4, and y, up to pi / 4 on either side of 0. x is finite. */
static inline int32_t tg_quarters_f32(float x, tg_f32 *y) {
  int64_t rest;
  const int32_t n = tg_turns_f32(x, &rest);
  if (n < 0) {
    *y = tg_f32_of_bits(tg_bits_of_f32(x) & 0x7fffffff);
    return 0;
  }
  /* Times pi / 2, whose 62 bits after the point are in two parts. */
  const uint64_t size = rest < 0 ? (uint64_t)-rest : (uint64_t)rest;
  const uint64_t top = size >> 32, bottom = size & 0xffffffff;
  const uint64_t angle = (top * 0x6487ed51 << 2) + ((top * 0x10b4611a + bottom * 0x6487ed51) >> 30);
  *y = (float)(int64_t)angle * 0x1p-62f;
  if (rest < 0) {
    *y = -*y;
  }
  return n;
}

/* sin(n * pi / 2 + y). */
static inline float tg_of_quarter_f32(int32_t n, float y) {
  const float square = y * y;
  float result;
  if (n & 1) {
    const float tail = (0x1.99e90ep-16f * square + -0x1.6c0c2ap-10f) * square + 0x1.55554ap-5f;
    result = 1.0f - (0.5f * square - square * square * tail);
  } else {
    const float tail = (-0x1.9954p-13f * square + 0x1.110778p-7f) * square + -0x1.555546p-3f;
    result = y + y * square * tail;
  }
  return n & 2 ? -result : result;
}

static inline float tg_sin_f32(float x) {
  float y;
  if ((tg_bits_of_f32(x) & 0x7f800000) == 0x7f800000) {
    return tg_nan_f32();
  }
  const int32_t n = tg_quarters_f32(x, &y);
  const float result = tg_of_quarter_f32(n, y);
  return tg_bits_of_f32(x) >> 31 ? -result : result;
}

static inline float tg_cos_f32(float x) {
  float y;
  if ((tg_bits_of_f32(x) & 0x7f800000) == 0x7f800000) {
    return tg_nan_f32();
  }
  const int32_t n = tg_quarters_f32(x, &y);
  return tg_of_quarter_f32((n + 1) & 3, y);
}

#endif
