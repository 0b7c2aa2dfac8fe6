/* float to int16: input / scale in single precision, rounded to nearest, ties to even, saturated; NaN gives -32768. */
#include "tg_kernels.h"

/* x is above -32768 and below 32767; the remainder is exact, so that ties are seen as such. */
static int32_t tg_quantize_f32_s16_round_half_even(float x) {
  const int32_t truncated = (int32_t)x;
  const float rest = x - (float)truncated;
  const int32_t odd = truncated & 1;
  if (rest > 0.5f || (rest == 0.5f && odd)) {
    return truncated + 1;
  }
  if (rest < -0.5f || (rest == -0.5f && odd)) {
    return truncated - 1;
  }
  return truncated;
}

void tg_quantize_f32_s16(const tg_quantize_f32_s16_params *restrict p, const tg_f32 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i] / p->scale;
    if (!(x > -32768.0f)) {
      output[i] = INT16_MIN;
    } else if (!(x < 32767.0f)) {
      output[i] = INT16_MAX;
    } else {
      output[i] = (int16_t)tg_quantize_f32_s16_round_half_even(x);
    }
  }
}
