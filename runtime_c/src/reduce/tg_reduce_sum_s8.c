/* Sum or mean over up to three runs of dimensions: saturate(requantize(start + sum of input)), where start takes the
 * input's offset off. The compiler proves that no sum leaves 32 bits. */
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_reduce.h"

void tg_reduce_sum_s8(const tg_reduce_sum_s8_params *p, const int8_t *input, int8_t *output) {
  const int8_t *x;
  const int8_t *y;
  TG_KEEP(p, input, x) {
    int32_t sum = p->start;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = tg_clamp_s8(tg_requantize(sum, &p->out), INT8_MIN, INT8_MAX);
  }
}
