/* Sum of two tensors in single precision. other advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_add_f32(const tg_add_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < p->middle; j++) {
      const tg_f32 *y = other + i * p->outer_stride + j * p->middle_stride;
      for (uint32_t k = 0; k < p->inner; k++) {
        *output++ = tg_one_nan_f32(*input + *y);
        input++;
        y += p->inner_stride;
      }
    }
  }
}
