/* tg_add_tflite_s8: sum or difference of two tensors, rounded as LiteRT does.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_ADD_TFLITE_S8_H
#define TG_ADD_TFLITE_S8_H

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
  int8_t act_min; /* least output: the activation's, or that of its type */
  int8_t act_max; /* largest output: the activation's, or that of its type */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int8_t input_shift; /* power of two by which the operand 'input' is scaled, after input_multiplier */
  int8_t other_shift; /* power of two by which the operand 'other' is scaled, after other_multiplier */
  int8_t input_sign; /* 1 or -1: multiplies the operand 'input' */
  int8_t other_sign; /* 1 or -1: multiplies the operand 'other' */
  int32_t input_multiplier; /* multiplies the operand 'input'; shift comes after it */
  int32_t other_multiplier; /* multiplies the operand 'other'; shift comes after it */
} tg_add_tflite_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[outer * middle * inner]
 * other: read, int8_t
 * output: written, int8_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_add_tflite_s8(const tg_add_tflite_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
