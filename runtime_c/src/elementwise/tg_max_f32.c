/* Larger of two tensors' elements in single precision; NaN where one of them is. other advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_max_f32(const tg_max_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < p->middle; j++) {
      const tg_f32 *y = other + i * p->outer_stride + j * p->middle_stride;
      for (uint32_t k = 0; k < p->inner; k++) {
        *output++ = *input > *y || tg_is_nan_f32(*input) ? *input : *y;
        input++;
        y += p->inner_stride;
      }
    }
  }
}
