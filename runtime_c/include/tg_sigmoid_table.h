/* Sigmoid and tanh with 15 fractional bits as LiteRT computes them of int16: from 256 entries of the sigmoid, with straight
 * lines between them. An argument has steps of 1 / 12288; entries are 1/24 apart, and those of tanh, half of that. */
#ifndef TG_SIGMOID_TABLE_H
#define TG_SIGMOID_TABLE_H

#include "tg_core.h"

#define TG_SIGMOID_ENTRIES 256

/* An input in steps of the table. */
static inline int32_t tg_sigmoid_argument(int32_t x, int32_t multiplier, int32_t shift) {
  return (x * multiplier + (int32_t)(((uint32_t)1 << shift) >> 1)) >> shift;
}

/* The entry for an argument without its sign, with so many more bits; most, where the table ends. */
static inline int32_t tg_sigmoid_between(uint32_t size, const tg_u16 *table, int32_t bits, int32_t most) {
  const uint32_t place = size >> bits;
  if (place >= TG_SIGMOID_ENTRIES - 1) {
    return most << bits;
  }
  const int32_t rest = (int32_t)(size & (((uint32_t)1 << bits) - 1));
  return (table[place] << bits) + rest * (table[place + 1] - table[place]);
}

static inline uint32_t tg_sigmoid_size(int32_t argument) {
  return argument < 0 ? 0 - (uint32_t)argument : (uint32_t)argument;
}

static inline int16_t tg_sigmoid_s16(int32_t argument, const tg_u16 *table) {
  const int32_t value = tg_sigmoid_between(tg_sigmoid_size(argument), table, 9, 0xFFFE);
  return (int16_t)((argument >= 0 ? value + 512 : ((int32_t)1 << 25) - value + 511) >> 10);
}

static inline int16_t tg_tanh_s16(int32_t argument, const tg_u16 *table) {
  const int32_t value = tg_sigmoid_between(tg_sigmoid_size(argument), table, 8, 0xFFFF);
  const int32_t one = (int32_t)1 << 23;
  return (int16_t)((argument >= 0 ? value - one + 128 : one - value + 127) >> 8);
}

#endif
