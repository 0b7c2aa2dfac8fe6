/* Smaller of two tensors' elements in int16, each times its multiplier, shifted and saturated. ``other`` advances by a
 * stride in each loop. Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_min_s16(const tg_min_s16_params *restrict p, const tg_i16 *input, const tg_i16 *other, tg_i16 *output) {
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < p->middle; j++) {
      const tg_i16 *y = other + i * p->outer_stride + j * p->middle_stride;
      for (uint32_t k = 0; k < p->inner; k++) {
        const int64_t a = (int64_t)*input++ * p->input_multiplier;
        const int64_t b = (int64_t)*y * p->other_multiplier;
        *output++ = tg_clamp_s16(tg_round_shift(a < b ? a : b, p->shift), INT16_MIN, INT16_MAX);
        y += p->inner_stride;
      }
    }
  }
}
