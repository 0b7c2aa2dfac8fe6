/* Mean over up to three runs of dimensions as LiteRT's reference kernels round it: start + the sum of input, times a
 * multiplier that holds the number of elements, plus an offset. start takes the input's offset off. */
#include "tg_kernels.h"
#include "tg_tflite.h"

static int32_t sum_of(const tg_reduce_mean_tflite_s8_params *p, const int8_t *x) {
  int32_t sum = p->start;
  for (uint32_t i = 0; i < p->drop0; i++) {
    for (uint32_t j = 0; j < p->drop1; j++) {
      const int8_t *y = x + i * p->drop0_stride + j * p->drop1_stride;
      for (uint32_t k = 0; k < p->drop2; k++) {
        sum += y[k * p->drop2_stride];
      }
    }
  }
  return sum;
}

void tg_reduce_mean_tflite_s8(const tg_reduce_mean_tflite_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->keep0; i++) {
    for (uint32_t j = 0; j < p->keep1; j++) {
      for (uint32_t k = 0; k < p->keep2; k++) {
        const int8_t *x = input + i * p->keep0_stride + j * p->keep1_stride + k * p->keep2_stride;
        const int32_t mean = tg_scaled_twice(sum_of(p, x), p->multiplier, p->shift);
        *output++ = tg_offset_s8(mean, p->out_offset, INT8_MIN, INT8_MAX);
      }
    }
  }
}
