/* Change of scale in int16, with or without bounds and a slope of its own for negative values:
 * min(max(scaled(input), low), high). Input and output may be the same buffer. */
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_rescale_s16(const tg_rescale_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t x = input[i];
    output[i] = tg_clamp_s16(tg_scaled(x, x < 0 ? p->negative : p->positive, p->shift), p->low, p->high);
  }
}
