/* Product of two tensors: saturate(requantize((input - input_offset) * (other - other_offset))).
 * ``other`` advances by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_mul_s8(const tg_mul_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const tg_requant out = p->out;
  const int32_t input_offset = p->input_offset;
  const int32_t other_offset = p->other_offset;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t product = (*input++ - input_offset) * (*y - other_offset);
    *output++ = tg_clamp_s8(tg_requantize(product, &out), INT8_MIN, INT8_MAX);
  }
}
