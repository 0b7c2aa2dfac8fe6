/* Change of scale and offset, with or without a ReLU: saturate(requantize(max(input, in_min) - in_offset)).
 * Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_rescale_s8(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = tg_max(input[i], p->in_min) - p->in_offset;
    output[i] = tg_clamp_s8(tg_requantize(x, &p->out), INT8_MIN, INT8_MAX);
  }
}
