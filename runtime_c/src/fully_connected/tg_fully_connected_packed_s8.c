/* Fully connected layer of one row: biases and weights come from a stream of bits (tg_packed.h), each when it is needed.
 *
 * output = clamp(requantize(bias + sum of (input - in_offset) * weight)). */
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_packed.h"

void tg_fully_connected_packed_s8(const tg_fully_connected_packed_s8_params *p, const int8_t *input,
                                  const int8_t *packed, int8_t *output) {
  tg_packed stream = tg_packed_begin(packed, p->table_bytes, p->index_bits);
  for (int32_t unit = 0; unit < p->units; unit++) {
    const uint8_t *table;
    int32_t sum = tg_packed_unit(&stream, packed, p->table_bytes, p->index_bits, p->bias_bits, &table);
    for (int32_t i = 0; i < p->depth; i++) {
      sum += (input[i] - p->in_offset) * tg_packed_weight(&stream, table);
    }
    *output++ = tg_clamp_s8(tg_requantize(sum, &p->out), p->act_min, p->act_max);
  }
}
