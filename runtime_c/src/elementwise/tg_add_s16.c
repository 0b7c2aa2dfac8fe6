/* Sum (with a negative multiplier: difference) of two tensors in int16: saturate(input * its multiplier + other * its
 * multiplier, shifted), rounded once. ``other`` advances by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_add_s16(const tg_add_s16_params *restrict p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output) {
  const tg_i16 *y;
  TG_BROADCAST(p, other, y) {
    const int64_t a = (int64_t)*input++ * p->input_multiplier;
    const int64_t b = (int64_t)*y * p->other_multiplier;
    *output++ = tg_clamp_s16(tg_round_shift(a + b, p->shift), INT16_MIN, INT16_MAX);
  }
}
