/* tg_max_pool_f32: maximum over windows, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MAX_POOL_F32_H
#define TG_MAX_POOL_F32_H

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
  uint8_t dilation_h; /* rows from one tap of a window to the next */
  uint8_t dilation_w; /* columns from one tap of a window to the next */
} tg_max_pool_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[images * in_h * in_w * channels]
 * output: written, float[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_max_pool_f32(const tg_max_pool_f32_params *p, const tg_f32 *input, tg_f32 *output);

#endif
