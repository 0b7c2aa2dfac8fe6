/* Largest element over up to three runs of dimensions, in single precision; NaN where one of them is. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_reduce.h"

void tg_reduce_max_f32(const tg_reduce_max_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  const tg_f32 *x;
  const tg_f32 *y;
  TG_KEEP(p, input, x) {
    float largest = -tg_infinity_f32();
    TG_DROP(p, x, y) {
      largest = *y > largest || tg_is_nan_f32(*y) ? *y : largest;
    }
    *output++ = tg_one_nan_f32(largest);
  }
}
