/* tg_resize_bilinear_s8: linear interpolation of an image with weights of few bits.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESIZE_BILINEAR_S8_H
#define TG_RESIZE_BILINEAR_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t in_h; /* rows of the input */
  uint16_t in_w; /* columns of the input */
  uint16_t channels; /* channels of input and output */
  uint16_t out_h; /* rows of the output */
  uint16_t out_w; /* columns of the output */
  uint16_t images; /* images, one after the other */
  int32_t round_negative; /* added to a negative sum before its fraction is cut off */
  int32_t round_positive; /* added to any other sum before its fraction is cut off */
} tg_resize_bilinear_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * channels]
 * rows: read, int32_t
 * columns: read, int32_t
 * output: written, int8_t[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_resize_bilinear_s8(const tg_resize_bilinear_s8_params *p, const int8_t *input, const tg_i32 *rows,
                           const tg_i32 *columns, int8_t *output);

#endif
