/* tg_conv2d_twice_s16: 2-D convolution of int16 by int8, rounded twice as LiteRT does with biases of 32 bits.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_CONV2D_TWICE_S16_H
#define TG_CONV2D_TWICE_S16_H

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
  int16_t act_min; /* least output: the activation's, or that of its type */
  int16_t act_max; /* largest output: the activation's, or that of its type */
  uint8_t leaky; /* 1: negative values have a slope of their own; 0: they have not */
  int32_t slope; /* multiplies negative values */
  uint8_t slope_shift; /* bits by which that product is shifted to the right */
} tg_conv2d_twice_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[images * in_h * in_w * in_c]
 * filter: read, int8_t
 * bias: read, int32_t
 * channels: read, int32_t
 * output: written, int16_t[images * out_h * out_w * out_c]
 * No two arguments overlap.
 */
void tg_conv2d_twice_s16(const tg_conv2d_twice_s16_params *p, const tg_i16 *input, const int8_t *filter,
                         const tg_i32 *bias, const tg_i32 *channels, tg_i16 *output);

#endif
