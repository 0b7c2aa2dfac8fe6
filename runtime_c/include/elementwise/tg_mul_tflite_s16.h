/* tg_mul_tflite_s16: product of two tensors, rounded as LiteRT does, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MUL_TFLITE_S16_H
#define TG_MUL_TFLITE_S16_H

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
} tg_mul_tflite_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[outer * middle * inner]
 * other: read, int16_t
 * output: written, int16_t[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_mul_tflite_s16(const tg_mul_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output);

#endif
