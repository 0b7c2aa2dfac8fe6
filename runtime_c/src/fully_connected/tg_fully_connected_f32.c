/* Fully connected layer in single precision. Input [rows][depth]; weights [units][depth].
 *
 * output = bias + input * weights + input * weights ..., one product after the other. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_fully_connected_f32(const tg_fully_connected_f32_params *restrict p, const tg_f32 *input, const tg_f32 *weights,
                            const tg_f32 *bias, tg_f32 *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    const tg_f32 *w = weights;
    for (uint32_t unit = 0; unit < p->units; unit++) {
      float sum = bias[unit];
      for (uint32_t i = 0; i < p->depth; i++) {
        sum += input[i] * w[i];
      }
      *output++ = tg_one_nan_f32(sum);
      w += p->depth;
    }
    input += p->depth;
  }
}
