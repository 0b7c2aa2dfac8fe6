/* tg_max_pool_2x2_s8: maximum over 2x2 blocks.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MAX_POOL_2X2_S8_H
#define TG_MAX_POOL_2X2_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t in_h; /* rows of the input */
  uint16_t in_w; /* columns of the input */
  uint16_t channels; /* channels of input and output */
  uint16_t images; /* images, one after the other */
} tg_max_pool_2x2_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * channels]
 * output: written, int8_t
 * output may overlap input as far as the compiler's plan has it: no input is overwritten before it was read for the
 * last time. Nothing else overlaps.
 */
void tg_max_pool_2x2_s8(const tg_max_pool_2x2_s8_params *p, const int8_t *input, int8_t *output);

#endif
