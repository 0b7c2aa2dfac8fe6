/* Truth values, 0 or 1: whether input is equal to (relation 0), unequal to (1), less than (2), or not greater than (3)
 * other, element by element. A comparison with NaN is false, except that of being unequal. */
#include "tg_kernels.h"

void tg_compare_f32(const tg_compare_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i], y = other[i];
    const int32_t less = x < y, equal = x >= y && x <= y;
    int32_t found = equal;
    if (p->relation == 1) {
      found = !equal;
    } else if (p->relation >= 2) {
      found = less || (p->relation == 3 && equal);
    }
    output[i] = (int8_t)found;
  }
}
