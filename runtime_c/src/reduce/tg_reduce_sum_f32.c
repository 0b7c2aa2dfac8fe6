/* Sum over up to three runs of dimensions in single precision, divided by divisor: elements are added to 0 one after the
 * other, the outermost loop first. */
#include "tg_float.h"
#include "tg_kernels.h"

static float sum_of(const tg_reduce_sum_f32_params *restrict p, const tg_f32 *x) {
  float sum = 0.0f;
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const tg_f32 *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        sum += y[k * p->drop2_stride];
      }
    }
  }
  return sum;
}

void tg_reduce_sum_f32(const tg_reduce_sum_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        const tg_f32 *x = input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride;
        *output++ = tg_one_nan_f32(tg_divide_f32(sum_of(p, x), p->divisor));
      }
    }
  }
}
