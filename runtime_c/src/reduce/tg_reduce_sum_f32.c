/* Sum over up to three runs of dimensions in single precision, divided by divisor: elements are added to 0 one after the
 * other, the outermost loop first. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_reduce.h"

void tg_reduce_sum_f32(const tg_reduce_sum_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  const tg_f32 *x;
  const tg_f32 *y;
  TG_KEEP(p, input, x) {
    float sum = 0.0f;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = tg_one_nan_f32(tg_divide_f32(sum, p->divisor));
  }
}
