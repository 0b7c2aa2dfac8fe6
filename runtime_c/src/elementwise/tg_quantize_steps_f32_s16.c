/* float to int16: input / scale in single precision, to the nearest, ties away from zero, saturated; NaN gives -32768. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_quantize_steps_f32_s16(const tg_quantize_steps_f32_s16_params *p, const tg_f32 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i] / p->scale;
    if (!(x > -65536.0f)) {
      output[i] = INT16_MIN;
    } else if (!(x < 65536.0f)) {
      output[i] = INT16_MAX;
    } else {
      /* The remainder is exact, so that ties are seen as such. */
      const int32_t whole = (int32_t)x;
      const float rest = x - (float)whole;
      const int32_t up = rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0;
      output[i] = tg_clamp_s16(whole + up, INT16_MIN, INT16_MAX);
    }
  }
}
