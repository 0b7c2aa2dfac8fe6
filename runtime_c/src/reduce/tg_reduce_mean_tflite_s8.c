/* Mean over up to three runs of dimensions as LiteRT's reference kernels round it: start + the sum of input, times a
 * multiplier that holds the number of elements, plus an offset. start takes the input's offset off. */
#include "tg_kernels.h"
#include "tg_reduce.h"
#include "tg_tflite.h"

#define TG_ELEMENT int8_t
#define TG_STORED tg_offset_s8
#define TG_LOW INT8_MIN
#define TG_HIGH INT8_MAX

void tg_reduce_mean_tflite_s8(const tg_reduce_mean_tflite_s8_params *p, const TG_ELEMENT *input, TG_ELEMENT *output) {
  const TG_ELEMENT *x;
  const TG_ELEMENT *y;
  TG_KEEP(p, input, x) {
    int32_t sum = p->start;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = TG_STORED(tg_scaled_twice(sum, p->multiplier, p->shift), p->out_offset, TG_LOW, TG_HIGH);
  }
}

#undef TG_ELEMENT
#undef TG_STORED
#undef TG_LOW
#undef TG_HIGH
