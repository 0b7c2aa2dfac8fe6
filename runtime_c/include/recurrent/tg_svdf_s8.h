/* tg_svdf_s8: SVDF layer: filters over the features of the last inputs.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SVDF_S8_H
#define TG_SVDF_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t rows; /* rows */
  uint16_t depth; /* products that one result sums */
  uint16_t units; /* output units: results of each row */
  uint16_t rank; /* filters of each unit */
  uint16_t memory; /* values that a filter remembers */
  int16_t in_offset; /* integer that stands for 0 in the input */
  int8_t state_offset; /* integer that stands for 0 in the operand 'state' */
  int8_t out_offset; /* integer that stands for 0 in the output */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int8_t out_shift; /* power of two by which that product is scaled */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int32_t out_multiplier; /* multiplies the sum of an output; out_shift comes after it */
} tg_svdf_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * depth]
 * state: read, int16_t
 * features: read, int8_t
 * times: read, int16_t
 * bias: read, int32_t
 * after: written, int16_t
 * output: written, int8_t[rows * units]
 * after may be state itself. Nothing else overlaps.
 */
void tg_svdf_s8(const tg_svdf_s8_params *p, const int8_t *input, const tg_i16 *state, const int8_t *features,
                const tg_i16 *times, const tg_i32 *bias, tg_i16 *after, int8_t *output);

#endif
