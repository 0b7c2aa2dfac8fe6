/* tg_reduce_mean_onnx_float_s8: the same by a float, for means of few elements.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_REDUCE_MEAN_ONNX_FLOAT_S8_H
#define TG_REDUCE_MEAN_ONNX_FLOAT_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t keep0; /* count, over the output: outermost loop */
  uint32_t keep1; /* count, over the output: loop inside it */
  uint32_t keep2; /* count, over the output: innermost loop */
  uint32_t keep0_stride; /* elements of the input from one step of keep0 to the next */
  uint32_t keep1_stride; /* elements of the input from one step of keep1 to the next */
  uint32_t keep2_stride; /* elements of the input from one step of keep2 to the next */
  uint32_t drop0; /* count, over what is reduced: outermost loop */
  uint32_t drop1; /* count, over what is reduced: loop inside it */
  uint32_t drop2; /* count, over what is reduced: innermost loop */
  uint32_t drop0_stride; /* elements of the input from one step of drop0 to the next */
  uint32_t drop1_stride; /* elements of the input from one step of drop1 to the next */
  uint32_t drop2_stride; /* elements of the input from one step of drop2 to the next */
  int32_t start; /* what a sum begins with */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_reduce_mean_onnx_float_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t
 * output: written, int8_t[keep0 * keep1 * keep2]
 * No two arguments overlap.
 */
void tg_reduce_mean_onnx_float_s8(const tg_reduce_mean_onnx_float_s8_params *p, const int8_t *input, int8_t *output);

#endif
