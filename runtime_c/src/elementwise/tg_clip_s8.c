/* Bounds on every element, with a change of scale and offset:
 * saturate(requantize(min(max(input, low), high) - in_offset)). Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_clip_s8(const tg_clip_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = tg_min(tg_max(input[i], p->low), p->high) - p->in_offset;
    output[i] = tg_clamp_s8(tg_requantize(x, &p->out), INT8_MIN, INT8_MAX);
  }
}
