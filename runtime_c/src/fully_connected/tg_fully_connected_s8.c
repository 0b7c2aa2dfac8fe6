/* Fully connected layer. Input [rows][depth]; weights [units][depth]; the input's offset is folded into the bias.
 *
 * output = clamp(requantize(bias + sum of input * (weights - weights_offset))). Sums wrap where the compiler was told that they
 * may: unsigned arithmetic makes that defined. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

void tg_fully_connected_s8(const tg_fully_connected_s8_params *p, const int8_t *input, const int8_t *weights,
                           const tg_i32 *bias, int8_t *output) {
  const int32_t depth = (int32_t)p->depth;
  const int32_t weights_offset = p->weights_offset;
  for (int32_t row = 0; row < p->rows; row++) {
    const int8_t *w = weights;
    for (int32_t unit = 0; unit < p->units; unit++) {
      uint32_t sum = (uint32_t)bias[unit];
      for (int32_t i = 0; i < depth; i++) {
        sum += (uint32_t)(input[i] * (w[i] - weights_offset));
      }
      *output++ = tg_clamp_s8(tg_epilogue_glow((int32_t)sum, &p->out), p->act_min, p->act_max);
      w += depth;
    }
    input += depth;
  }
}
