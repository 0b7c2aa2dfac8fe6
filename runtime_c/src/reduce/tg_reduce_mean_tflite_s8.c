/* Mean over up to three runs of dimensions as LiteRT's reference kernels round it: start + the sum of input, times a
 * multiplier that holds the number of elements, plus an offset. start takes the input's offset off. */
#include "tg_kernels.h"
#include "tg_reduce.h"
#include "tg_tflite.h"

void tg_reduce_mean_tflite_s8(const tg_reduce_mean_tflite_s8_params *p, const int8_t *input, int8_t *output) {
  const int8_t *x;
  const int8_t *y;
  TG_KEEP(p, input, x) {
    int32_t sum = p->start;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = tg_offset_s8(tg_scaled_twice(sum, p->multiplier, p->shift), p->out_offset, INT8_MIN, INT8_MAX);
  }
}
