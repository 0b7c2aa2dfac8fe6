/* Slope for negative values, in single precision; NaN stays as it is. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_leaky_relu_f32(const tg_leaky_relu_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  const float alpha = p->alpha;
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i];
    if (x < 0.0f) {
      const float product = alpha * x;
      output[i] = product == product ? product : tg_nan_f32(); /* 0 times infinity */
    } else {
      output[i] = x;
    }
  }
}
