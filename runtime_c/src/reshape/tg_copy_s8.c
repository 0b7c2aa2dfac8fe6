/* Copy of bytes between buffers that do not overlap. */
#include "tg_kernels.h"

void tg_copy_s8(const tg_copy_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = input[i];
  }
}
