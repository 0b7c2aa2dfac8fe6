/* Elements of input where condition is not 0, else of other. Input and output may be the same buffer. */
#include "tg_kernels.h"

void tg_select_f32(const tg_select_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other,
                   const int8_t *condition, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = condition[i] != 0 ? input[i] : other[i];
  }
}
