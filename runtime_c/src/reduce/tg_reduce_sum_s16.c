/* Sum or mean over up to three runs of dimensions, in int16: saturate(scaled(sum)). The compiler proves that no sum leaves
 * 32 bits. */
#include "tg_kernels.h"
#include "tg_wide.h"

static int32_t sum_of(const tg_reduce_sum_s16_params *restrict p, const tg_i16 *x) {
  int32_t sum = 0;
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const tg_i16 *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        sum += y[k * p->drop2_stride];
      }
    }
  }
  return sum;
}

void tg_reduce_sum_s16(const tg_reduce_sum_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        const tg_i16 *x = input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride;
        *output++ = tg_clamp_s16(tg_scaled(sum_of(p, x), p->multiplier, p->shift), INT16_MIN, INT16_MAX);
      }
    }
  }
}
