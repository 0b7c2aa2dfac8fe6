/* Softmax of rows as onnxruntime has it: e^(scale * -d), times one factor, of the distance d from the row's largest from a
 * table of floats, added up in order; each over the sum, times the steps of the result, to nearest, ties to even. Input and
 * output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* x is between 0 and 512. */
static int32_t tg_softmax_onnx_s8_rounded(float x) {
  const int32_t truncated = (int32_t)x;
  const float rest = x - (float)truncated;
  const int32_t up = rest > 0.5f || (rest == 0.5f && (truncated & 1));
  return truncated + up;
}

void tg_softmax_onnx_s8(const tg_softmax_onnx_s8_params *p, const int8_t *input, const tg_f32 *table, int8_t *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    int32_t largest = INT8_MIN;
    for (uint32_t i = 0; i < p->columns; i++) {
      largest = tg_max(largest, input[i]);
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < p->columns; i++) {
      sum += table[largest - input[i]];
    }
    for (uint32_t i = 0; i < p->columns; i++) {
      const float share = table[largest - input[i]] / sum;
      const float steps = share * p->steps_of_one;
      const int32_t whole = tg_softmax_onnx_s8_rounded(steps < 512.0f ? steps : 512.0f);
      output[i] = tg_clamp_s8(whole + p->offset, INT8_MIN, INT8_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}
