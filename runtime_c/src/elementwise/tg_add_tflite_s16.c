/* Sum or difference of two int16 tensors as LiteRT's reference kernels round it: both operands are brought to a common scale
 * with 15 more bits, the sum to the result's. Signs are 1 or -1; ``other`` advances by a stride in each loop. Input and
 * output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_wide.h"

#define TG_LEFT_SHIFT 15

static int32_t tg_add_tflite_s16_operand(int32_t x, int32_t multiplier, int32_t shift) {
  return tg_scaled_twice(x * ((int32_t)1 << TG_LEFT_SHIFT), multiplier, shift);
}

void tg_add_tflite_s16(const tg_add_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output) {
  const tg_i16 *y;
  TG_BROADCAST(p, other, y) {
    const int32_t a = tg_add_tflite_s16_operand(*input++, p->input_multiplier, p->input_shift);
    const int32_t b = tg_add_tflite_s16_operand(*y, p->other_multiplier, p->other_shift);
    const int32_t sum = p->input_sign * a + p->other_sign * b;
    *output++ = tg_clamp_s16(tg_scaled_twice(sum, p->multiplier, p->shift), p->low, p->high);
  }
}

#undef TG_LEFT_SHIFT
