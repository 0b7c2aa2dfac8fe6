/* Softmax of rows. table[255 - zeros + d] is e ** (input scale * d) for d = zeros - 255 to 0, as unsigned integers with 31
 * fractional bits; it is 0 for all d below. Input and output may be the same buffer.
 *
 * Glow multiplies in 64 bits and rounds with a 32-bit 1 << (shift + 15): not defined from shift 17 on, where the cores
 * that bundles are made for give 0, and negative at 16. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* a * b >> 16 for a below 2**17 and b up to 2**31, in 32 bits. */
static uint32_t tg_softmax_s8_multiply_high(uint32_t a, uint32_t b) {
  const uint32_t low = b & 0xffff;
  const uint32_t half = (a >> 1) * low; /* a * low may have 33 bits */
  const uint32_t rest = ((half & 0x7fff) << 1) + (a & 1) * low;
  return a * (b >> 16) + (half >> 15) + (rest >> 16);
}

static uint32_t tg_softmax_s8_shift_rounded(uint32_t x, uint32_t shift) {
  if (shift == 16) {
    return (((x >> 15) + 1) >> 1) - 1;
  }
  if (shift < 16) {
    return (x + (((uint32_t)1 << shift) >> 1)) >> shift;
  }
  return shift < 32 ? x >> shift : 0;
}

static uint32_t tg_softmax_s8_power(const tg_softmax_s8_params *p, const tg_u32 *table, int32_t index) {
  return index < p->zeros ? 0 : table[index - p->zeros];
}

static void tg_softmax_s8_softmax_row(const tg_softmax_s8_params *p, const int8_t *input, const tg_u32 *table,
                                      int8_t *output) {
  int32_t largest = INT8_MIN;
  TG_COMPACT
  for (int32_t i = 0; i < p->columns; i++) {
    largest = tg_max(largest, input[i]);
  }
  const int32_t origin = 255 - largest;
  uint32_t sum = 0;
  TG_COMPACT
  for (int32_t i = 0; i < p->columns; i++) {
    sum += tg_softmax_s8_power(p, table, origin + input[i]) >> (p->sum_bits - 1);
  }
  /* The largest element adds e ** 0, so the sum is not 0. */
  uint32_t shift = 31u - p->inverse_bits + p->sum_bits;
  while (sum < 0x80000000) {
    sum <<= 1;
    shift--;
  }
  sum >>= 16;
  const uint32_t out_offset = (uint32_t)p->out_offset;
  const uint32_t division = (p->inverse_scale + sum / 2) / sum;
  TG_COMPACT
  for (int32_t i = 0; i < p->columns; i++) {
    const uint32_t value = tg_softmax_s8_shift_rounded(
        tg_softmax_s8_multiply_high(division, tg_softmax_s8_power(p, table, origin + input[i])), shift);
    output[i] = tg_clamp_s8((int32_t)(value + out_offset), INT8_MIN, INT8_MAX);
  }
}

void tg_softmax_s8(const tg_softmax_s8_params *p, const int8_t *input, const tg_i32 *table, int8_t *output) {
  for (int32_t row = 0; row < p->rows; row++) {
    tg_softmax_s8_softmax_row(p, input, (const tg_u32 *)table, output);
    input += p->columns;
    output += p->columns;
  }
}
