/* Elementwise minimum of two tensors: the smaller of input and other, both at the output's scale and offset, saturated.
 * ``other`` advances by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_min_s8(const tg_min_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const tg_requant input_scale = p->input_scale;
  const tg_requant other_scale = p->other_scale;
  const int32_t input_offset = p->input_offset;
  const int32_t other_offset = p->other_offset;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t a = tg_requantize(*input++ - input_offset, &input_scale);
    const int32_t b = tg_requantize(*y - other_offset, &other_scale);
    *output++ = tg_clamp_s8(tg_min(a, b), INT8_MIN, INT8_MAX);
  }
}
