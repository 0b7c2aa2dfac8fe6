/* float to int8: input * inverse + offset, rounded once to single precision as a fused multiply-add does, then to
 * nearest, ties to even, saturated; NaN gives -128. In integers: no core needs such an instruction, or double
 * precision. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_FRACTION 40 /* bits of the fixed point in which product and offset meet */

/* x without its last bits, to nearest, ties to even. */
static uint64_t tg_quantize_fused_f32_s8_round_off(uint64_t x, uint32_t bits) {
  const uint64_t half = (uint64_t)1 << (bits - 1);
  return (x + half - 1 + (x >> bits & 1)) >> bits;
}

/* |input * inverse| in fixed point; what is shifted out sets the last bit, so that nothing near a tie becomes one. The
 * biased exponents add up to exponent; at 263 and above the product is at least 512. */
static uint64_t tg_quantize_fused_f32_s8_fixed_product(uint32_t input, uint32_t inverse, uint32_t exponent) {
  const uint32_t hidden = (uint32_t)1 << 23, mask = hidden - 1;
  const uint32_t left = (input & mask) | ((input >> 23 & 0xFF) ? hidden : 0);
  const uint64_t product = (uint64_t)left * ((inverse & mask) | hidden);
  if (exponent >= 300 - TG_FRACTION) {
    return product << (exponent - (300 - TG_FRACTION));
  }
  const uint32_t shift = 300 - TG_FRACTION - exponent;
  if (shift > 62) {
    return product != 0;
  }
  const uint64_t lost = product & (((uint64_t)1 << shift) - 1);
  return product >> shift | (lost != 0);
}

/* The fixed-point number x as an integer: first rounded to the 24 bits of a float, then to an integer. */
static int32_t tg_quantize_fused_f32_s8_to_integer(int64_t x) {
  uint64_t size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
  if (size < (uint64_t)1 << (TG_FRACTION - 2)) {
    return 0;
  }
  uint32_t excess = TG_FRACTION - 1 - 24;
  while (size >> (excess + 24) != 0) {
    excess++;
  }
  size = tg_quantize_fused_f32_s8_round_off(tg_quantize_fused_f32_s8_round_off(size, excess) << excess, TG_FRACTION);
  return x < 0 ? -(int32_t)size : (int32_t)size;
}

void tg_quantize_fused_f32_s8(const tg_quantize_fused_f32_s8_params *p, const tg_f32 *input, int8_t *output) {
  const uint32_t inverse = tg_bits_of_f32(p->inverse), scale = inverse >> 23 & 0xFF;
  const int64_t offset = (int64_t)p->offset * ((int64_t)1 << TG_FRACTION);
  for (uint32_t i = 0; i < p->count; i++) {
    const uint32_t bits = tg_bits_of_f32(input[i]), magnitude = bits & 0x7FFFFFFF, biased = magnitude >> 23;
    const int32_t is_negative = bits != magnitude;
    if (magnitude > 0x7F800000) {
      output[i] = INT8_MIN;
      continue;
    }
    const uint32_t exponent = (biased ? biased : 1) + scale;
    if (biased == 0xFF || exponent >= 263) {
      output[i] = is_negative ? INT8_MIN : INT8_MAX;
      continue;
    }
    const int64_t product = (int64_t)tg_quantize_fused_f32_s8_fixed_product(bits, inverse, exponent);
    output[i] = tg_clamp_s8(tg_quantize_fused_f32_s8_to_integer(offset + (is_negative ? -product : product)), INT8_MIN,
                            INT8_MAX);
  }
}

#undef TG_FRACTION
