/* Softmax of rows as CMSIS-NN has it: e^(scale * -d) of the distance d from the row's largest from a table with 31
 * fractional bits, summed with 19, each times the inverse of the sum. Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_tflite.h"

/* x / 2^exponent; exponent may be more than 31, where a number of 31 bits rounds to 0. */
static inline int32_t tg_softmax_tflm_s8_share(int32_t x, int32_t exponent) {
  return exponent > 31 ? 0 : tg_divide_by_power(x, exponent);
}

void tg_softmax_tflm_s8(const tg_softmax_tflm_s8_params *p, const int8_t *input, const tg_i32 *table,
                        int8_t *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    int32_t largest = INT8_MIN;
    for (uint32_t i = 0; i < p->columns; i++) {
      largest = tg_max(largest, input[i]);
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p->columns; i++) {
      sum += (uint32_t)tg_divide_by_power(table[largest - input[i]], 12);
    }
    int32_t exponent = 12 + 23;
    for (; sum < (uint32_t)1 << 31; sum <<= 1) {
      exponent--;
    }
    const int32_t inverse = tg_one_over_one_plus((int32_t)(sum & INT32_MAX));
    for (uint32_t i = 0; i < p->columns; i++) {
      const int32_t product = tg_high_product(inverse, table[largest - input[i]]);
      output[i] = tg_offset_s8(tg_softmax_tflm_s8_share(product, exponent), INT8_MIN, INT8_MIN, INT8_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}
