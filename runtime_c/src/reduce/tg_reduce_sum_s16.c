/* Sum or mean over up to three runs of dimensions, in int16: saturate(scaled(sum)). The compiler proves that no sum leaves
 * 32 bits. */
#include "tg_kernels.h"
#include "tg_reduce.h"
#include "tg_wide.h"

void tg_reduce_sum_s16(const tg_reduce_sum_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  const tg_i16 *x;
  const tg_i16 *y;
  TG_KEEP(p, input, x) {
    int32_t sum = 0;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = tg_clamp_s16(tg_scaled(sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
  }
}
