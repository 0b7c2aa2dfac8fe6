/* tg_add_linear_s8: sum or difference of two tensors, by one linear formula that equals another one's rounding.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_ADD_LINEAR_S8_H
#define TG_ADD_LINEAR_S8_H

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
  int32_t input_multiplier; /* multiplies the operand 'input'; shift comes after it */
  int32_t other_multiplier; /* multiplies the operand 'other'; shift comes after it */
  int32_t start; /* what a sum begins with */
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_add_linear_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[outer * middle * inner]
 * other: read, int8_t
 * output: written, int8_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_add_linear_s8(const tg_add_linear_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
