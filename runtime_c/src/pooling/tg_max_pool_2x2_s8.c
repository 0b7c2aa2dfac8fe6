/* Maximum over 2x2 squares of an NHWC image; a last row or column without a partner is left out. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_max_pool_2x2_s8(const tg_max_pool_2x2_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
  const int32_t out_w = p->in_w >> 1;
  TG_COMPACT
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *top = input;
    TG_COMPACT
    for (int32_t y = p->in_h >> 1; y > 0; y--) {
      const int8_t *x = top;
      TG_COMPACT
      for (int32_t column = out_w; column > 0; column--) {
        const int8_t *below = x + row;
        TG_COMPACT
        for (int32_t channel = channels; channel > 0; channel--) {
          const int32_t upper = tg_max(*x, x[channels]);
          const int32_t lower = tg_max(*below, below[channels]);
          *output++ = (int8_t)tg_max(upper, lower);
          x++;
          below++;
        }
        x += channels;
      }
      top += 2 * row;
    }
    input += p->in_h * row;
  }
}
