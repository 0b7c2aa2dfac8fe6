/* Sigmoid (TG_FUNCTION: or tanh) of each element, in int16, as LiteRT computes it: from a table. */
#include "tg_kernels.h"
#include "tg_sigmoid_table.h"

#define TG_FUNCTION tg_sigmoid_s16

void tg_sigmoid_tflite_s16(const tg_sigmoid_tflite_s16_params *p, const tg_i16 *input, const tg_u16 *table,
                           tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = TG_FUNCTION(tg_sigmoid_argument(input[i], p->multiplier, p->shift), table);
  }
}

#undef TG_FUNCTION
