/* Product of two int16 tensors as LiteRT's reference kernels round it. ``other`` advances by a stride in each loop. Input and
 * output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_wide.h"

void tg_mul_tflite_s16(const tg_mul_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output) {
  const tg_i16 *y;
  TG_BROADCAST(p, other, y) {
    const int32_t product = *input++ * *y;
    *output++ = tg_clamp_s16(tg_scaled_twice(product, p->multiplier, p->shift), p->low, p->high);
  }
}
