/* float to int8: input / scale in single precision, rounded to nearest, plus the offset, saturated; NaN gives -128. ties:
 * 0 to even (ONNX), 1 away from zero (LiteRT). */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* x is between -512 and 512; the remainder is exact, so that ties are seen as such. */
static int32_t tg_quantize_steps_f32_s8_rounded(float x, int32_t away) {
  const int32_t truncated = (int32_t)x;
  const float rest = x - (float)truncated;
  const int32_t ties = away || (truncated & 1);
  if (rest > 0.5f || (rest == 0.5f && ties)) {
    return truncated + 1;
  }
  return rest < -0.5f || (rest == -0.5f && ties) ? truncated - 1 : truncated;
}

void tg_quantize_steps_f32_s8(const tg_quantize_steps_f32_s8_params *p, const tg_f32 *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i] / p->scale;
    if (!(x > -512.0f)) {
      output[i] = INT8_MIN;
    } else if (!(x < 512.0f)) {
      output[i] = INT8_MAX;
    } else {
      output[i] = tg_clamp_s8(tg_quantize_steps_f32_s8_rounded(x, p->ties) + p->offset, INT8_MIN, INT8_MAX);
    }
  }
}
