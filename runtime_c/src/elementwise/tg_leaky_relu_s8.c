/* Slope for negative values, with a change of scale and offset: one requantization for the input's values from 0 on,
 * another for those below. Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_leaky_relu_s8(const tg_leaky_relu_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i] - p->in_offset;
    output[i] = tg_clamp_s8(tg_requantize(x, x >= 0 ? &p->positive : &p->negative), INT8_MIN, INT8_MAX);
  }
}
