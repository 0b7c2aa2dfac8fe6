/* tg_select_s8: elements of one or another tensor.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SELECT_S8_H
#define TG_SELECT_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t input_offset; /* integer that stands for 0 in the operand 'input' */
  int8_t other_offset; /* integer that stands for 0 in the operand 'other' */
  tg_requant input_scale; /* scales the operand 'input' to the output */
  tg_requant other_scale; /* scales the operand 'other' to the output */
} tg_select_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * other: read, int8_t
 * condition: read, int8_t
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_select_s8(const tg_select_s8_params *p, const int8_t *input, const int8_t *other, const int8_t *condition,
                  int8_t *output);

#endif
