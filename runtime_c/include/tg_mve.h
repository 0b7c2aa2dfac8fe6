/* Sums over runs of neighbours by the M-profile vector extension (Helium), 16 products an instruction, and what they are in
 * portable C. Sums wrap modulo 2**32, as the instructions' do. A run's last vector is masked: nothing after it is read. */
#ifndef TG_MVE_H
#define TG_MVE_H

#include <stdint.h>

#include "tg_core.h"

/* TG_PLAIN_C, to be defined by who compiles, leaves the vectors out. */
#if defined(__ARM_FEATURE_MVE) && !defined(TG_PLAIN_C)
#include <arm_mve.h>
#define TG_HAS_MVE 1
#else
#define TG_HAS_MVE 0
#endif

/* Four filters. Where there are fewer, the last one stands for those that are missing. */
typedef struct {
  const int8_t *first;
  const int8_t *second;
  const int8_t *third;
  const int8_t *fourth;
} tg_mve_filters;

typedef struct {
  uint32_t first;
  uint32_t second;
  uint32_t third;
  uint32_t fourth;
} tg_mve_sums;

/* count filters that lie size elements apart. */
static inline tg_mve_filters tg_mve_filters_at(const int8_t *w, int32_t size, int32_t count) {
  tg_mve_filters filters;
  filters.first = w;
  filters.second = w + (count > 1 ? size : 0);
  filters.third = filters.second + (count > 2 ? size : 0);
  filters.fourth = filters.third + (count > 3 ? size : 0);
  return filters;
}

static inline tg_mve_filters tg_mve_after(tg_mve_filters w, int32_t count) {
  w.first += count;
  w.second += count;
  w.third += count;
  w.fourth += count;
  return w;
}

/* sums + the run's products with each filter. */
static inline tg_mve_sums tg_mve_dot(const int8_t *x, tg_mve_filters w, int32_t count, tg_mve_sums sums) {
#if TG_HAS_MVE
  int32_t first = (int32_t)sums.first;
  int32_t second = (int32_t)sums.second;
  int32_t third = (int32_t)sums.third;
  int32_t fourth = (int32_t)sums.fourth;
  for (; count >= 16; count -= 16) {
    const int8x16_t image = vldrbq_s8(x);
    first = vmladavaq_s8(first, image, vldrbq_s8(w.first));
    second = vmladavaq_s8(second, image, vldrbq_s8(w.second));
    third = vmladavaq_s8(third, image, vldrbq_s8(w.third));
    fourth = vmladavaq_s8(fourth, image, vldrbq_s8(w.fourth));
    x += 16;
    w = tg_mve_after(w, 16);
  }
  if (count > 0) {
    const mve_pred16_t inside = vctp8q((uint32_t)count);
    const int8x16_t image = vldrbq_z_s8(x, inside);
    first = vmladavaq_s8(first, image, vldrbq_z_s8(w.first, inside));
    second = vmladavaq_s8(second, image, vldrbq_z_s8(w.second, inside));
    third = vmladavaq_s8(third, image, vldrbq_z_s8(w.third, inside));
    fourth = vmladavaq_s8(fourth, image, vldrbq_z_s8(w.fourth, inside));
  }
  sums.first = (uint32_t)first;
  sums.second = (uint32_t)second;
  sums.third = (uint32_t)third;
  sums.fourth = (uint32_t)fourth;
#else
  for (int32_t i = 0; i < count; i++) {
    sums.first += (uint32_t)(x[i] * w.first[i]);
    sums.second += (uint32_t)(x[i] * w.second[i]);
    sums.third += (uint32_t)(x[i] * w.third[i]);
    sums.fourth += (uint32_t)(x[i] * w.fourth[i]);
  }
#endif
  return sums;
}

static inline uint32_t tg_mve_sum(const int8_t *x, int32_t count) {
#if TG_HAS_MVE
  int32_t sum = 0;
  for (; count > 0; count -= 16) {
    sum = vaddvaq_s8(sum, vldrbq_z_s8(x, vctp8q((uint32_t)count)));
    x += 16;
  }
  return (uint32_t)sum;
#else
  uint32_t sum = 0;
  for (int32_t i = 0; i < count; i++) {
    const int32_t value = x[i];
    sum += (uint32_t)value;
  }
  return sum;
#endif
}

/* sums + what a run of one value would give. */
static inline tg_mve_sums tg_mve_dot_value(int32_t value, tg_mve_filters w, int32_t count, tg_mve_sums sums) {
  sums.first += (uint32_t)value * tg_mve_sum(w.first, count);
  sums.second += (uint32_t)value * tg_mve_sum(w.second, count);
  sums.third += (uint32_t)value * tg_mve_sum(w.third, count);
  sums.fourth += (uint32_t)value * tg_mve_sum(w.fourth, count);
  return sums;
}

static inline uint32_t tg_mve_largest(uint32_t a, uint32_t b) { return (int32_t)a > (int32_t)b ? a : b; }

#endif
