/* A function of one element, by table: table[input + 128]. Input and output may be the same buffer. */
#include "tg_kernels.h"

void tg_lookup_s8(const tg_lookup_s8_params *p, const int8_t *input, const int8_t *table, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = table[input[i] + 128];
  }
}
