/* tg_max_pool_s8: maximum over windows.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MAX_POOL_S8_H
#define TG_MAX_POOL_S8_H

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
  int8_t empty; /* result of a window without a tap inside the input */
} tg_max_pool_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * channels]
 * output: written, int8_t[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_max_pool_s8(const tg_max_pool_s8_params *p, const int8_t *input, int8_t *output);

#endif
