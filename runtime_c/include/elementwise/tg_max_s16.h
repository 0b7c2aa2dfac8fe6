/* tg_max_s16: larger of two tensors' elements, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MAX_S16_H
#define TG_MAX_S16_H

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
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_max_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[outer * middle * inner]
 * other: read, int16_t
 * output: written, int16_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_max_s16(const tg_max_s16_params *p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output);

#endif
