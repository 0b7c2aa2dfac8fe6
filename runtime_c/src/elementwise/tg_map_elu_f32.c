/* x, or e^x - 1 below 0, of every element, in single precision. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_map_elu_f32(const tg_map_elu_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i];
    output[i] = x < 0.0f ? tg_exp_f32(x) - 1.0f : tg_one_nan_f32(x);
  }
}
