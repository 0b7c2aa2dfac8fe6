/* Larger of two tensors' elements in single precision; NaN where one of them is. other advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_float.h"
#include "tg_kernels.h"

void tg_max_f32(const tg_max_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  const tg_f32 *y;
  TG_BROADCAST(p, other, y) {
    *output++ = *input > *y || tg_is_nan_f32(*input) ? *input : *y;
    input++;
  }
}
