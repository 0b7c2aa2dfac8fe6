/* The input where it is at least in_offset, else the product; each is requantized by its own constants.
 * Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_prelu_s8(const tg_prelu_s8_params *p, const int8_t *input, const int8_t *product, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i] - p->in_offset;
    const int32_t value = x >= 0 ? tg_requantize(x, &p->positive)
                                 : tg_requantize(product[i] - p->product_offset, &p->negative);
    output[i] = tg_clamp_s8(value, INT8_MIN, INT8_MAX);
  }
}
