/* Maximum over 2x2 blocks of an NHWC image; a last row or column without a partner is left out. */
#include "tg_compact.h"
#include "tg_kernels.h"
#include "tg_max_2x2.h"

#if TG_HAS_DSP

/* Images of one channel. */
static TG_APART void tg_max_pool_2x2_s8_lone(const tg_max_pool_2x2_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t width = p->in_w;
  for (int32_t image = p->images; image > 0; image--) {
    const int8_t *x = input;
    for (int32_t y = p->in_h >> 1; y > 0; y--) {
      output = tg_max_2x2_lone(x, x + width, width >> 1, output);
      x += 2 * width;
    }
    input += p->in_h * width;
  }
}

#endif

void tg_max_pool_2x2_s8(const tg_max_pool_2x2_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t channels = p->channels;
#if TG_HAS_DSP
  if (channels == 1) {
    tg_max_pool_2x2_s8_lone(p, input, output);
    return;
  }
#endif
  const int32_t row = p->in_w * channels;
  /* Blocks of one channel lie in a row; of several, those of one place do. */
  const int32_t step = channels == 1 ? 2 : 1;
  const int32_t run = channels == 1 ? p->in_w >> 1 : channels;
  const int32_t runs = channels == 1 ? 1 : p->in_w >> 1;
  TG_COMPACT
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *top = input;
    TG_COMPACT
    for (int32_t y = p->in_h >> 1; y > 0; y--) {
      const int8_t *x = top;
      TG_COMPACT
      for (int32_t left = runs; left > 0; left--) {
        output = tg_max_2x2(x, x + row, channels, step, run, output);
        x += 2 * channels;
      }
      top += 2 * row;
    }
    input += p->in_h * row;
  }
}
