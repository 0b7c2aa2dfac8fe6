/* Change of scale and offset, with or without a ReLU: saturate(requantize(max(input, in_min) - in_offset)).
 * Input and output may be the same buffer. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_rescale_s8(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output) {
  /* Copies: for all that the compiler knows, output may overwrite what p points at. */
  const tg_requant out = p->out;
  const int32_t in_min = p->in_min;
  const int32_t in_offset = p->in_offset;
  TG_COMPACT
  for (const int8_t *end = input + p->count; input < end; input++) {
    const int32_t x = tg_max(*input, in_min) - in_offset;
    *output++ = tg_clamp_s8(tg_requantize(x, &out), INT8_MIN, INT8_MAX);
  }
}
