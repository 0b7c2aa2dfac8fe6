/* int8 to float: scale * (input - offset) in single precision. */
#include "tg_kernels.h"

void tg_dequantize_s8_f32(const tg_dequantize_s8_f32_params *restrict p, const int8_t *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = p->scale * (float)(input[i] - p->offset);
  }
}
