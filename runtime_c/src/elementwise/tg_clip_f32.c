/* Bounds on every element, in single precision: min(max(input, low), high); NaN stays as it is.
 * Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_clip_f32(const tg_clip_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  const float low = p->low;
  const float high = p->high;
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i] < low ? low : input[i];
    output[i] = x > high ? high : x;
  }
}
