/* tg_div_s8: quotient of two tensors, element by element.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_DIV_S8_H
#define TG_DIV_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t outer; /* count of the outermost loop */
  uint32_t middle; /* count of the loop inside it */
  uint32_t inner; /* count of the innermost loop */
  uint32_t outer_stride; /* elements by which 'other' advances in 'outer' */
  uint32_t middle_stride; /* elements by which 'other' advances in 'middle' */
  uint32_t inner_stride; /* elements by which 'other' advances in 'inner' */
  int8_t input_offset; /* integer that stands for 0 in the operand 'input' */
  int8_t other_offset; /* integer that stands for 0 in the operand 'other' */
  uint8_t is_reversed; /* 1: the operand 'other' comes first; 0: 'input' does */
  uint8_t fraction_bits; /* bits that a quotient or a mean has below 1 */
  int32_t limit; /* largest quotient, and with a minus the least */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_div_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[outer * middle * inner]
 * other: read, int8_t
 * output: written, int8_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_div_s8(const tg_div_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
