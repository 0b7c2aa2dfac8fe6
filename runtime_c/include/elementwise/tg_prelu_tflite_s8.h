/* tg_prelu_tflite_s8: slopes for negative values, rounded as LiteRT does.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_PRELU_TFLITE_S8_H
#define TG_PRELU_TFLITE_S8_H

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
  int8_t out_offset; /* integer that stands for 0 in the output */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int8_t below_shift; /* power of two by which that product is scaled */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int32_t below_multiplier; /* multiplies the product of a negative value and its slope; below_shift comes after it */
} tg_prelu_tflite_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[outer * middle * inner]
 * other: read, int8_t
 * output: written, int8_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_prelu_tflite_s8(const tg_prelu_tflite_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
