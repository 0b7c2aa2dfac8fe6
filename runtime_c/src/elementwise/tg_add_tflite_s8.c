/* Sum or difference of two tensors as LiteRT's reference kernels round it: both operands are brought to a common scale
 * with 20 more bits, the sum to the result's. other_sign is 1 or -1; ``other`` advances by a stride in each loop. Input and
 * output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_tflite.h"

#define TG_LEFT_SHIFT 20

static int32_t tg_add_tflite_s8_operand(int32_t x, int32_t multiplier, int32_t shift) {
  return tg_scaled_twice((int32_t)((uint32_t)x << TG_LEFT_SHIFT), multiplier, shift);
}

void tg_add_tflite_s8(const tg_add_tflite_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t a = tg_add_tflite_s8_operand(*input++ - p->input_offset, p->input_multiplier, p->input_shift);
    const int32_t b = tg_add_tflite_s8_operand(*y - p->other_offset, p->other_multiplier, p->other_shift);
    const int32_t sum = p->input_sign * a + p->other_sign * b;
    *output++ = tg_offset_s8(tg_scaled_twice(sum, p->multiplier, p->shift), p->out_offset, p->act_min, p->act_max);
  }
}

#undef TG_LEFT_SHIFT
