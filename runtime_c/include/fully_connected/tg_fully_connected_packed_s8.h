/* tg_fully_connected_packed_s8: fully connected layer of entropy-coded weights.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_FULLY_CONNECTED_PACKED_S8_H
#define TG_FULLY_CONNECTED_PACKED_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t depth; /* products that one result sums */
  uint16_t units; /* output units: results of each row */
  int16_t in_offset; /* integer that stands for 0 in the input */
  int8_t act_min; /* least output: the activation's, or that of its type */
  int8_t act_max; /* largest output: the activation's, or that of its type */
  uint8_t index_bits; /* most bits of a weight's code that the decoder looks up at once */
  uint8_t table_bytes; /* bytes of the decoding table at the start of 'packed' */
  uint8_t bias_bits; /* bits of a bias in the stream */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_fully_connected_packed_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t
 * packed: read, int8_t
 * output: written, int8_t[units]
 * No two arguments overlap.
 */
void tg_fully_connected_packed_s8(const tg_fully_connected_packed_s8_params *p, const int8_t *input,
                                  const int8_t *packed, int8_t *output);

#endif
