/* tg_fully_connected_four_units_s8: fully connected layer, four units from three products.
 *
 * Generated from the kernel's declaration; do not edit.
 * For cores without the DSP extension; computes the same on any other. */
#ifndef TG_FULLY_CONNECTED_FOUR_UNITS_S8_H
#define TG_FULLY_CONNECTED_FOUR_UNITS_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t rows; /* rows */
  uint32_t depth; /* products that one result sums */
  uint16_t units; /* output units: results of each row */
  int16_t weights_offset; /* is subtracted from each weight */
  int8_t act_min; /* least output: the activation's, or that of its type */
  int8_t act_max; /* largest output: the activation's, or that of its type */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_fully_connected_four_units_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * depth]
 * weights: read, int8_t
 * bias: read, int32_t
 * output: written, int8_t[rows * units]
 * No two arguments overlap.
 */
void tg_fully_connected_four_units_s8(const tg_fully_connected_four_units_s8_params *p, const int8_t *input,
                                      const int8_t *weights, const tg_i32 *bias, int8_t *output);

#endif
