/* The input where it is at least its offset, else its product with a slope, as LiteRT's reference kernels round them.
 * ``other``, the slopes, advances by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_tflite.h"

void tg_prelu_tflite_s8(const tg_prelu_tflite_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t x = *input++ - p->input_offset;
    const int32_t value = x >= 0 ? tg_scaled_twice(x, p->multiplier, p->shift)
                                 : tg_scaled_twice(x * (*y - p->other_offset), p->below_multiplier, p->below_shift);
    *output++ = tg_offset_s8(value, p->out_offset, INT8_MIN, INT8_MAX);
  }
}
