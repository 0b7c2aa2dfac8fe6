/* Softmax of rows in single precision: e^(x - the row's largest), added up from 0 on in order, each times the inverse of
 * the sum. A row with NaN or infinity, or of minus infinity alone, gives NaN. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

static void tg_softmax_f32_softmax_row(const tg_f32 *input, tg_f32 *output, uint32_t columns) {
  float largest = input[0];
  for (uint32_t i = 1; i < columns; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  float sum = 0.0f;
  for (uint32_t i = 0; i < columns; i++) {
    const float power = tg_exp_f32(input[i] - largest);
    output[i] = power;
    sum += power;
  }
  const float inverse = 1.0f / sum;
  for (uint32_t i = 0; i < columns; i++) {
    output[i] *= inverse;
  }
}

void tg_softmax_f32(const tg_softmax_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    tg_softmax_f32_softmax_row(input, output, p->columns);
    input += p->columns;
    output += p->columns;
  }
}
