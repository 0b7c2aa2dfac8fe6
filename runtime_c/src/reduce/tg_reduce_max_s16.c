/* Largest element over up to three runs of dimensions, in int16. */
#include "tg_kernels.h"
#include "tg_reduce.h"

void tg_reduce_max_s16(const tg_reduce_max_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  const tg_i16 *x;
  const tg_i16 *y;
  TG_KEEP(p, input, x) {
    int16_t largest = INT16_MIN;
    TG_DROP(p, x, y) {
      largest = *y > largest ? *y : largest;
    }
    *output++ = largest;
  }
}
