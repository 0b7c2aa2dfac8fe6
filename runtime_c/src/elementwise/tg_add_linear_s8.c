/* Sum of two tensors by one linear formula: saturate((input * multiplier + other * multiplier + start) >> shift). The
 * compiler proves that nothing leaves 32 bits. ``other`` advances by a stride in each loop. Input and output may be the same
 * buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_add_linear_s8(const tg_add_linear_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int32_t input_multiplier = p->input_multiplier;
  const int32_t other_multiplier = p->other_multiplier;
  const int32_t start = p->start;
  const int32_t shift = p->shift;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t sum = (*input++ * input_multiplier + *y * other_multiplier + start) >> shift;
    *output++ = tg_clamp_s8(sum, INT8_MIN, INT8_MAX);
  }
}
