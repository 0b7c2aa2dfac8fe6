/* Larger of two tensors' elements in int16, each times its multiplier, shifted and saturated. ``other`` advances by a
 * stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_max_s16(const tg_max_s16_params *restrict p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output) {
  const tg_i16 *y;
  TG_BROADCAST(p, other, y) {
    const int64_t a = (int64_t)*input++ * p->input_multiplier;
    const int64_t b = (int64_t)*y * p->other_multiplier;
    *output++ = tg_clamp_s16(tg_round_shift(a > b ? a : b, p->shift), INT16_MIN, INT16_MAX);
  }
}
