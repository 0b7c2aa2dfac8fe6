/* tg_add_tflite_s16: sum or difference of two tensors, rounded as LiteRT does, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_ADD_TFLITE_S16_H
#define TG_ADD_TFLITE_S16_H

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
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int16_t low; /* least value */
  int16_t high; /* largest value */
  int8_t input_shift; /* power of two by which the operand 'input' is scaled, after input_multiplier */
  int8_t other_shift; /* power of two by which the operand 'other' is scaled, after other_multiplier */
  int8_t input_sign; /* 1 or -1: multiplies the operand 'input' */
  int8_t other_sign; /* 1 or -1: multiplies the operand 'other' */
  int32_t input_multiplier; /* multiplies the operand 'input'; shift comes after it */
  int32_t other_multiplier; /* multiplies the operand 'other'; shift comes after it */
} tg_add_tflite_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[outer * middle * inner]
 * other: read, int16_t
 * output: written, int16_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_add_tflite_s16(const tg_add_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output);

#endif
