/* Truth values as 0 and 1 in float; what is not 0 is true. */
#include "tg_kernels.h"

void tg_cast_s8_f32(const tg_cast_s8_f32_params *p, const int8_t *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = input[i] != 0 ? 1.0f : 0.0f;
  }
}
