/* Product of two tensors as LiteRT's reference kernels round it. ``other`` advances by a stride in each loop. Input and
 * output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_tflite.h"

void tg_mul_tflite_s8(const tg_mul_tflite_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t product = (*input++ - p->input_offset) * (*y - p->other_offset);
    const int32_t scaled = tg_scaled_twice(product, p->multiplier, p->shift);
    *output++ = tg_offset_s8(scaled, p->out_offset, p->act_min, p->act_max);
  }
}
