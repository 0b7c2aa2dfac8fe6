/* x * (min(max(x + 3, 0), 6) / 6) of every element, in single precision. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

static float tg_map_hard_swish_f32_hard_swish(float x) {
  const float shifted = x + 3.0f;
  const float raised = shifted < 0.0f ? 0.0f : shifted;
  const float share = (raised > 6.0f ? 6.0f : raised) * (1.0f / 6.0f);
  const float result = x * share;
  return result == result ? result : tg_nan_f32();
}

void tg_map_hard_swish_f32(const tg_map_hard_swish_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = tg_map_hard_swish_f32_hard_swish(input[i]);
  }
}
