/* Difference of two tensors in single precision, input - other or the other way round if is_reversed. other advances
 * by a stride in each loop. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_sub_f32(const tg_sub_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < p->middle; j++) {
      const tg_f32 *y = other + i * p->outer_stride + j * p->middle_stride;
      for (uint32_t k = 0; k < p->inner; k++) {
        *output++ = tg_one_nan_f32(p->is_reversed ? *y - *input : *input - *y);
        input++;
        y += p->inner_stride;
      }
    }
  }
}
