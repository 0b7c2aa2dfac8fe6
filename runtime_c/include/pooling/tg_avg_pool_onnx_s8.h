/* tg_avg_pool_onnx_s8: mean over windows, as onnxruntime computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_AVG_POOL_ONNX_S8_H
#define TG_AVG_POOL_ONNX_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t in_h; /* rows of the input */
  uint16_t in_w; /* columns of the input */
  uint16_t channels; /* channels of input and output */
  uint16_t out_h; /* rows of the output */
  uint16_t out_w; /* columns of the output */
  uint16_t kernel_h; /* rows of a window */
  uint16_t kernel_w; /* columns of a window */
  uint8_t stride_h; /* rows from one window to the next */
  uint8_t stride_w; /* columns from one window to the next */
  uint8_t pad_top; /* rows of padding above the input */
  uint8_t pad_left; /* columns of padding to the left of the input */
  uint16_t images; /* images, one after the other */
  uint8_t count_pads; /* 1: sums are divided by the window's area; 0: by the number of taps inside the input */
  int8_t in_offset; /* integer that stands for 0 in the input */
  int8_t out_offset; /* integer that stands for 0 in the output */
  uint8_t raised; /* what the model's integers are larger than these: 128 if they are uint8, else 0 */
  float in_scale; /* real number that a step of the input stands for */
  float scale; /* real number that a step of the integer stands for */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  uint8_t fraction_bits; /* bits that a quotient or a mean has below 1 */
  int32_t near; /* how far a mean by 'multiplier' may be from the one in float, in steps of 2^-fraction_bits */
} tg_avg_pool_onnx_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * channels]
 * output: written, int8_t[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_avg_pool_onnx_s8(const tg_avg_pool_onnx_s8_params *p, const int8_t *input, int8_t *output);

#endif
