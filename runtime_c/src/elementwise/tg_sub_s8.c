/* Difference of two tensors: saturate(input - other), or other - input if is_reversed; each brought to the output's scale
 * by its own constants, of which the minuend's add the output's offset. ``other`` advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_sub_s8(const tg_sub_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const tg_requant input_scale = p->input_scale;
  const tg_requant other_scale = p->other_scale;
  const int32_t input_offset = p->input_offset;
  const int32_t other_offset = p->other_offset;
  const int is_reversed = p->is_reversed;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const uint32_t a = (uint32_t)tg_requantize(*input++ - input_offset, &input_scale);
    const uint32_t b = (uint32_t)tg_requantize(*y - other_offset, &other_scale);
    *output++ = tg_clamp_s8((int32_t)(is_reversed ? b - a : a - b), INT8_MIN, INT8_MAX);
  }
}
