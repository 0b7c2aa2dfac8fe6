/* tg_mul_f32: product of two tensors, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MUL_F32_H
#define TG_MUL_F32_H

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
} tg_mul_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[outer * middle * inner]
 * other: read, float
 * output: written, float[outer * middle * inner]
 * output may be input itself. Nothing else overlaps.
 */
void tg_mul_f32(const tg_mul_f32_params *p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output);

#endif
