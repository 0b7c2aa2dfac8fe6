/* tg_conv2d_f32: 2-D convolution, any stride, padding, dilation and group, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_CONV2D_F32_H
#define TG_CONV2D_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t in_h; /* rows of the input */
  uint16_t in_w; /* columns of the input */
  uint16_t in_c; /* channels of the input */
  uint16_t out_h; /* rows of the output */
  uint16_t out_w; /* columns of the output */
  uint16_t out_c; /* channels of the output */
  uint8_t kernel_h; /* rows of a window */
  uint8_t kernel_w; /* columns of a window */
  uint8_t stride_h; /* rows from one window to the next */
  uint8_t stride_w; /* columns from one window to the next */
  uint8_t pad_top; /* rows of padding above the input */
  uint8_t pad_left; /* columns of padding to the left of the input */
  uint8_t dilation_h; /* rows from one tap of a window to the next */
  uint8_t dilation_w; /* columns from one tap of a window to the next */
  uint16_t group; /* groups of channels: an output sums over the input channels of its own group */
  uint16_t images; /* images, one after the other */
  uint8_t activation; /* 0: none; 1: between low and high; 2: negative values times slope */
  float low; /* least value */
  float high; /* largest value */
  float slope; /* multiplies negative values */
} tg_conv2d_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[images * in_h * in_w * in_c]
 * filter: read, float
 * bias: read, float
 * output: written, float[images * out_h * out_w * out_c]
 * No two arguments overlap.
 */
void tg_conv2d_f32(const tg_conv2d_f32_params *p, const tg_f32 *input, const tg_f32 *filter, const tg_f32 *bias,
                   tg_f32 *output);

#endif
