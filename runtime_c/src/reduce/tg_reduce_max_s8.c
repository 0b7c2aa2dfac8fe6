/* Largest element over up to three runs of dimensions. */
#include "tg_kernels.h"
#include "tg_reduce.h"

void tg_reduce_max_s8(const tg_reduce_max_s8_params *p, const int8_t *input, int8_t *output) {
  const int8_t *x;
  const int8_t *y;
  TG_KEEP(p, input, x) {
    int8_t largest = INT8_MIN;
    TG_DROP(p, x, y) {
      largest = *y > largest ? *y : largest;
    }
    *output++ = largest;
  }
}
