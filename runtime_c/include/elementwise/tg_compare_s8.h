/* tg_compare_s8: whether elements are equal, unequal, less, or not greater than others.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_COMPARE_S8_H
#define TG_COMPARE_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  uint8_t relation; /* which comparison: 0: equal; 1: not equal; 2: less; 3: less or equal */
  int8_t input_offset; /* integer that stands for 0 in the operand 'input' */
  int8_t other_offset; /* integer that stands for 0 in the operand 'other' */
  tg_requant to_other; /* scales the operand 'input' to the steps of 'other' */
} tg_compare_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * other: read, int8_t
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_compare_s8(const tg_compare_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
