/* Fully connected layer of one row: biases and weights come from a stream of bits (tg_packed.h), a few at a time.
 *
 * output = clamp(requantize(bias + sum of (input - in_offset) * weight)). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_packed.h"

#define TG_BLOCK 32 /* weights on the stack */

void tg_fully_connected_packed_s8(const tg_fully_connected_packed_s8_params *p, const int8_t *input,
                                  const int8_t *packed, int8_t *output) {
  tg_packed stream = tg_packed_begin(packed, p->table_bytes, p->index_bits);
  for (int32_t unit = 0; unit < p->units; unit++) {
    const uint8_t *table;
    int32_t sum = tg_packed_unit(&stream, packed, p->table_bytes, p->index_bits, p->bias_bits, &table);
    const int8_t *x = input;
    for (int32_t left = p->depth; left > 0; left -= TG_BLOCK) {
      const int32_t count = tg_min(left, TG_BLOCK);
      int16_t weights[TG_BLOCK];
      tg_packed_weights(&stream, table, weights, count);
      sum += tg_packed_dot(x, weights, count, p->in_offset);
      x += count;
    }
    *output++ = tg_clamp_s8(tg_epilogue_glow(sum, &p->out), p->act_min, p->act_max);
  }
}

#undef TG_BLOCK
