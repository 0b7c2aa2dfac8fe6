/* Truth values, 0 or 1: input and other (operation 0), input or other (1), not input (2); what is not 0 is true. Input and
 * output may be the same buffer. */
#include "tg_kernels.h"

void tg_logic_s8(const tg_logic_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i] != 0, y = other[i] != 0;
    int32_t found = x && y;
    if (p->operation == 1) {
      found = x || y;
    } else if (p->operation == 2) {
      found = !x;
    }
    output[i] = (int8_t)found;
  }
}
