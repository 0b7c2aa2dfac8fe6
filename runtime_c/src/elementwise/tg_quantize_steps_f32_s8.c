/* float to int8: input / scale in single precision, rounded to nearest, plus the offset, saturated; NaN gives -128. ties:
 * 0 to even (ONNX), 1 away from zero (LiteRT).
 *
 * The product of two mantissas, input's and inverse's, is the quotient but for a few parts in 2^24. It decides all that lie
 * further from half way between two integers than 1 / 2^11; the rest, and what is not ordinary, is divided. */
#include "tg_dsp.h"
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* Half the width of what is divided, in steps of 2^-32. The product is off by at most 2^9 steps of 2^-31 where it is largest,
 * and then shifted to the left by at most 11 bits. */
#define TG_QUANTIZE_STEPS_NEAR 0x00200000u

/* x / scale by a division. */
static TG_APART int32_t tg_quantize_steps_f32_s8_divided(float x, const tg_quantize_steps_f32_s8_params *p) {
  const float quotient = x / p->scale;
  if (!(quotient > -512.0f)) {
    return -512;
  }
  if (!(quotient < 512.0f)) {
    return 512;
  }
  /* The remainder is exact, so that ties are seen as such. */
  const int32_t truncated = (int32_t)quotient;
  const float rest = quotient - (float)truncated;
  const int32_t ties = p->ties || (truncated & 1);
  if (rest > 0.5f || (rest == 0.5f && ties)) {
    return truncated + 1;
  }
  return rest < -0.5f || (rest == -0.5f && ties) ? truncated - 1 : truncated;
}

/* a * b / 2^33 of numbers from 2^31 on whose lowest 8 bits are 0, rounded down or a little less. */
static inline uint32_t tg_quantize_steps_f32_s8_product(uint32_t a, uint32_t b) {
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
  /* Without products of 64 bits: that of the lowest bytes is left out. */
  const uint32_t high = a >> 16;
  const uint32_t b_high = b >> 16;
  const uint32_t low = (a >> 8) & 0xFFu;
  const uint32_t b_low = (b >> 8) & 0xFFu;
  return (high * b_high >> 1) + ((low * b_high + high * b_low) >> 9);
#else
  return (uint32_t)((uint64_t)a * b >> 33);
#endif
}

void tg_quantize_steps_f32_s8(const tg_quantize_steps_f32_s8_params *p, const tg_f32 *input, int8_t *output) {
  const uint32_t inverse = tg_bits_of_f32(1.0f / p->scale);
  const int32_t exponent = (int32_t)(inverse >> 23);
  const uint32_t mantissa = inverse << 8 | 0x80000000u;
  const int32_t offset = p->offset;
  /* The quotient is the product over 2^(32 - left), left being the input's exponent and this. Other scales are divided by. */
  const int32_t more = exponent > 7 && exponent < 251 ? exponent - 251 : 256;
  const tg_u32 *words = (const tg_u32 *)(const void *)input;
  for (uint32_t count = p->count; count > 0; count--) {
    const uint32_t bits = *words++;
    const int32_t left = (int32_t)(bits >> 23 & 0xFFu) + more;
    const int32_t sign = -(int32_t)(bits >> 31);
    int32_t steps = 0;
    if (left > 0) { /* else below 1/2 */
      const uint32_t product = tg_quantize_steps_f32_s8_product(bits << 8 | 0x80000000u, mantissa);
      /* Beyond 11, left is where the quotient is above 512: nothing of this is used then. */
      const uint32_t rounded = product + (0x80000000u >> (left & 31));
      const uint32_t below = rounded << (left & 31);
      const int32_t size = (int32_t)(rounded >> (31 - (left & 31)) >> 1);
      steps = (size ^ sign) - sign;
      if (left > 11 || below + TG_QUANTIZE_STEPS_NEAR < 2 * TG_QUANTIZE_STEPS_NEAR) {
        steps = tg_quantize_steps_f32_s8_divided(tg_f32_of_bits(bits), p);
      }
    }
    *output++ = tg_clamp_s8(steps + offset, INT8_MIN, INT8_MAX);
  }
}

#undef TG_QUANTIZE_STEPS_NEAR
