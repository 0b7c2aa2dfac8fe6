/* tg_avg_pool_tflite_ties_up_s8: mean over windows, rounded as LiteRT does of uint8.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_AVG_POOL_TFLITE_TIES_UP_S8_H
#define TG_AVG_POOL_TFLITE_TIES_UP_S8_H

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
  int16_t act_min; /* least output: the activation's, or that of its type */
  int16_t act_max; /* largest output: the activation's, or that of its type */
} tg_avg_pool_tflite_ties_up_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * channels]
 * output: written, int8_t[images * out_h * out_w * channels]
 * No two arguments overlap.
 */
void tg_avg_pool_tflite_ties_up_s8(const tg_avg_pool_tflite_ties_up_s8_params *p, const int8_t *input, int8_t *output);

#endif
