/* tg_resize_bilinear_f32: linear interpolation of an image, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESIZE_BILINEAR_F32_H
#define TG_RESIZE_BILINEAR_F32_H

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
} tg_resize_bilinear_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[images * in_h * in_w * channels]
 * rows: read, int32_t
 * row_weights: read, float
 * columns: read, int32_t
 * column_weights: read, float
 * output: written, float[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_resize_bilinear_f32(const tg_resize_bilinear_f32_params *p, const tg_f32 *input, const tg_i32 *rows,
                            const tg_f32 *row_weights, const tg_i32 *columns, const tg_f32 *column_weights,
                            tg_f32 *output);

#endif
