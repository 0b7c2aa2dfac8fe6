/* Softmax of rows as LiteRT has it: e^(scale * -d) of the distance d from the row's largest from a table of floats, added
 * up in order, each times the inverse of the sum in steps of the result, plus a half, cut. Input and output may be the same
 * buffer. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_softmax_tflite_s8(const tg_softmax_tflite_s8_params *p, const int8_t *input, const tg_f32 *table,
                          int8_t *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    int32_t largest = INT8_MIN;
    for (uint32_t i = 0; i < p->columns; i++) {
      largest = tg_max(largest, input[i]);
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < p->columns; i++) {
      sum += table[largest - input[i]];
    }
    const float steps = sum * p->scale;
    const float inverse = 1.0f / steps;
    for (uint32_t i = 0; i < p->columns; i++) {
      const float share = table[largest - input[i]] * inverse;
      const float raised = share + 0.5f;
      const int32_t whole = raised < 65536.0f ? (int32_t)raised : 65536;
      output[i] = tg_clamp_s8(whole + p->offset, INT8_MIN, INT8_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}
