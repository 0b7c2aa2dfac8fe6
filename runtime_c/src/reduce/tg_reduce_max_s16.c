/* Largest element over up to three runs of dimensions, in int16. */
#include "tg_kernels.h"
#include "tg_numerics.h"

static int16_t largest_of(const tg_reduce_max_s16_params *restrict p, const tg_i16 *x) {
  int16_t largest = INT16_MIN;
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const tg_i16 *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        const int16_t element = y[k * p->drop2_stride];
        largest = element > largest ? element : largest;
      }
    }
  }
  return largest;
}

void tg_reduce_max_s16(const tg_reduce_max_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        *output++ = largest_of(p, input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride);
      }
    }
  }
}
