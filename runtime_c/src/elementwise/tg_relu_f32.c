/* max(x, 0) of every element, in single precision; NaN stays as it is. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_relu_f32(const tg_relu_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = input[i] < 0.0f ? 0.0f : input[i];
  }
}
