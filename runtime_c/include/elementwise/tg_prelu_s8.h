/* tg_prelu_s8: input, or another tensor where the input is negative.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_PRELU_S8_H
#define TG_PRELU_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t in_offset; /* integer that stands for 0 in the input */
  int8_t product_offset; /* integer that stands for 0 in the operand 'product' */
  tg_requant positive; /* scales values that are not negative */
  tg_requant negative; /* scales negative values */
} tg_prelu_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * product: read, int8_t[count]
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_prelu_s8(const tg_prelu_s8_params *p, const int8_t *input, const int8_t *product, int8_t *output);

#endif
