/* Largest element over up to three runs of dimensions. */
#include "tg_kernels.h"
#include "tg_numerics.h"

static int8_t largest_of(const tg_reduce_max_s8_params *p, const int8_t *x) {
  int8_t largest = INT8_MIN;
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const int8_t *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        const int8_t element = y[k * p->drop2_stride];
        largest = element > largest ? element : largest;
      }
    }
  }
  return largest;
}

void tg_reduce_max_s8(const tg_reduce_max_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        *output++ = largest_of(p, input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride);
      }
    }
  }
}
