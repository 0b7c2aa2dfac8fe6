/* Fixed-point functions of int16 as gemmlowp has them (fixedpoint/fixedpoint.h): a number with n integer bits has 15 - n
 * fractional ones. tinyglow/numerics/gemmlowp.py has the same in numpy. */
#ifndef TG_GEMMLOWP16_H
#define TG_GEMMLOWP16_H

#include "tg_tflite.h"

/* A constant of 32 bits, rounded to 16. */
#define TG_CONSTANT16(x) ((int32_t)(((x) + 32768) >> 16))

/* The upper half of the doubled product. */
static inline int32_t tg_product16(int32_t a, int32_t b) {
  const int32_t product = a * b;
  const int32_t result = (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
  return tg_min(result, INT16_MAX);
}

static inline int32_t tg_left16(int32_t x, int32_t exponent) {
  return tg_max(tg_min(x * ((int32_t)1 << exponent), INT16_MAX), INT16_MIN);
}

/* e^a for a <= 0, from so many integer bits to none. */
static inline int32_t tg_exp16(int32_t a, int32_t integer_bits) {
  static const int16_t powers[7] = {TG_CONSTANT16(1672461947), TG_CONSTANT16(1302514674), TG_CONSTANT16(790015084),
                                    TG_CONSTANT16(290630308),  TG_CONSTANT16(39332535),   TG_CONSTANT16(720401),
                                    TG_CONSTANT16(242)};
  const int32_t fraction = 15 - integer_bits;
  const int32_t quarter = (int32_t)1 << (fraction - 2);
  const int32_t part = (a & (quarter - 1)) - quarter;
  const int32_t x = tg_left16(part, integer_bits) + (1 << 12);
  const int32_t square = tg_product16(x, x);
  const int32_t cube = tg_product16(square, x);
  const int32_t fourth = tg_divide_by_power(tg_product16(square, square), 2);
  const int32_t third = tg_product16(fourth + cube, TG_CONSTANT16(715827883));
  const int32_t start = TG_CONSTANT16(1895147668);
  int32_t result = start + tg_product16(x + tg_divide_by_power(third + square, 1), start);
  for (int32_t i = 0; i < 7 && integer_bits > i - 2; i++) {
    if ((part - a) & ((int32_t)1 << (fraction + i - 2))) {
      result = tg_product16(result, powers[i]);
    }
  }
  if (integer_bits > 5 && a < -((int32_t)1 << (20 - integer_bits))) {
    result = 0;
  }
  return a == 0 ? INT16_MAX : result;
}

/* 2 / (1 + a) for a from 0 to 1: from no integer bits to two, by three of Newton's steps. */
static inline int32_t tg_newton16(int32_t a) {
  const int32_t half_denominator = (a + INT16_MAX + 1) / 2;
  int32_t x = TG_CONSTANT16(1515870810) + tg_product16(half_denominator, -TG_CONSTANT16(1010580540));
  for (int32_t step = 0; step < 3; step++) {
    const int32_t rest = (1 << 13) - tg_product16(half_denominator, x);
    x += tg_left16(tg_product16(x, rest), 2);
  }
  return x;
}

/* 1 / (1 + e^-a). */
static inline int16_t tg_logistic16(int32_t a, int32_t integer_bits) {
  if (a == 0) {
    return 1 << 14;
  }
  const int32_t positive = tg_left16(tg_newton16(tg_exp16(a > 0 ? -a : a, integer_bits)), 1);
  return (int16_t)(a > 0 ? positive : INT16_MAX - positive);
}

static inline int16_t tg_tanh16(int32_t a, int32_t integer_bits) {
  if (a == 0) {
    return 0;
  }
  const int32_t positive = tg_left16(tg_newton16(tg_exp16(a > 0 ? -a : a, integer_bits + 1)) - (1 << 13), 2);
  return (int16_t)(a > 0 ? positive : -positive);
}

#endif
