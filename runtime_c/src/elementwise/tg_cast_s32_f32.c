/* int32 to the nearest float, ties to even. Input and output may be the same buffer. */
#include "tg_kernels.h"

void tg_cast_s32_f32(const tg_cast_s32_f32_params *p, const tg_i32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i];
    output[i] = (float)x;
  }
}
