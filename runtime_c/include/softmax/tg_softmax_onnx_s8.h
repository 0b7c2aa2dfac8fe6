/* tg_softmax_onnx_s8: softmax of rows, as onnxruntime computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SOFTMAX_ONNX_S8_H
#define TG_SOFTMAX_ONNX_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t columns; /* columns */
  float steps_of_one; /* steps of the output that stand for 1 */
  int8_t offset; /* integer that stands for 0 */
} tg_softmax_onnx_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * columns]
 * table: read, float
 * output: written, int8_t[rows * columns]
 * output may be input itself. Nothing else overlaps.
 */
void tg_softmax_onnx_s8(const tg_softmax_onnx_s8_params *p, const int8_t *input, const tg_f32 *table, int8_t *output);

#endif
