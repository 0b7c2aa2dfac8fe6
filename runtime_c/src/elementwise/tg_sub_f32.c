/* Difference of two tensors in single precision, input - other or the other way round if is_reversed. other advances
 * by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_float.h"
#include "tg_kernels.h"

void tg_sub_f32(const tg_sub_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  const tg_f32 *y;
  TG_BROADCAST(p, other, y) {
    *output++ = tg_one_nan_f32(p->is_reversed ? *y - *input : *input - *y);
    input++;
  }
}
