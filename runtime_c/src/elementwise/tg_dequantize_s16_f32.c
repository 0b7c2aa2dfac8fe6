/* int16 to float: scale * input in single precision. */
#include "tg_kernels.h"

void tg_dequantize_s16_f32(const tg_dequantize_s16_f32_params *restrict p, const tg_i16 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = p->scale * (float)input[i];
  }
}
