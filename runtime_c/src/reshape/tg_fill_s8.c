/* One value in every byte. */
#include "tg_kernels.h"

void tg_fill_s8(const tg_fill_s8_params *p, int8_t *output) {
  const uint32_t count = p->count;
  const int8_t value = p->value;
  for (uint32_t i = 0; i < count; i++) {
    output[i] = value;
  }
}
