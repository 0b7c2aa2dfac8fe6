/* Largest element over up to three runs of dimensions, in single precision; NaN where one of them is. */
#include "tg_float.h"
#include "tg_kernels.h"

static float largest_of(const tg_reduce_max_f32_params *restrict p, const tg_f32 *x) {
  float largest = -tg_infinity_f32();
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const tg_f32 *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        const float element = y[k * p->drop2_stride];
        largest = element > largest || tg_is_nan_f32(element) ? element : largest;
      }
    }
  }
  return tg_one_nan_f32(largest);
}

void tg_reduce_max_f32(const tg_reduce_max_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        *output++ = largest_of(p, input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride);
      }
    }
  }
}
