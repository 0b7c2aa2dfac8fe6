/* Truth values, 0 or 1: whether input, at other's scale, is equal to (relation 0), unequal to (1), less than (2), or not
 * greater than (3) other, element by element. Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_compare_s8(const tg_compare_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = tg_requantize(input[i] - p->input_offset, &p->to_other);
    const int32_t y = other[i] - p->other_offset;
    int32_t found = x == y;
    if (p->relation == 1) {
      found = x != y;
    } else if (p->relation >= 2) {
      found = x < y || (p->relation == 3 && x == y);
    }
    output[i] = (int8_t)found;
  }
}
