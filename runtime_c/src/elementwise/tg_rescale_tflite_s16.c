/* Change of scale in int16 as LiteRT's reference kernels round it, with bounds and a multiplier of its own for negative
 * values. Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_wide.h"

void tg_rescale_tflite_s16(const tg_rescale_tflite_s16_params *p, const tg_i16 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i];
    const int32_t scaled = x >= 0 ? tg_scaled_twice(x, p->multiplier, p->shift)
                                  : tg_scaled_twice(x, p->below_multiplier, p->below_shift);
    output[i] = tg_clamp_s16(scaled, p->low, p->high);
  }
}
