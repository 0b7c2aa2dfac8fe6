/* Elements of input where condition is not 0, else of other, each requantized by constants of its own and saturated.
 * Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_select_s8(const tg_select_s8_params *p, const int8_t *input, const int8_t *other, const int8_t *condition,
                  int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = condition[i] != 0 ? tg_requantize(input[i] - p->input_offset, &p->input_scale)
                                        : tg_requantize(other[i] - p->other_offset, &p->other_scale);
    output[i] = tg_clamp_s8(x, INT8_MIN, INT8_MAX);
  }
}
