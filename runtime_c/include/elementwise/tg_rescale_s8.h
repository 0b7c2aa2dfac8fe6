/* tg_rescale_s8: change of scale and offset, with or without a ReLU.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESCALE_S8_H
#define TG_RESCALE_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t in_offset; /* integer that stands for 0 in the input */
  int8_t in_min; /* smaller inputs count as this one */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_rescale_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_rescale_s8(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output);

#endif
