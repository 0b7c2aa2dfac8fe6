/* float to int8: input / scale + offset in single precision, rounded to nearest, ties to even, saturated; NaN gives -128. */
#include "tg_kernels.h"
#include "tg_numerics.h"

/* x is above -128 and below 127; the remainder is exact, so that ties are seen as such. */
static int32_t tg_quantize_f32_s8_round_half_even(float x) {
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

void tg_quantize_f32_s8(const tg_quantize_f32_s8_params *p, const tg_f32 *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i] / p->scale + (float)p->offset;
    if (!(x > -128.0f)) {
      output[i] = INT8_MIN;
    } else if (!(x < 127.0f)) {
      output[i] = INT8_MAX;
    } else {
      output[i] = (int8_t)tg_quantize_f32_s8_round_half_even(x);
    }
  }
}
