/* Product of two tensors in single precision, element by element. other advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_float.h"
#include "tg_kernels.h"

void tg_mul_f32(const tg_mul_f32_params *restrict p, const tg_f32 *input, const tg_f32 *other, tg_f32 *output) {
  const tg_f32 *y;
  TG_BROADCAST(p, other, y) {
    *output++ = tg_one_nan_f32(*input * *y);
    input++;
  }
}
