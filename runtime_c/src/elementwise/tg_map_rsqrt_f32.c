/* 1 / square root of every element, in single precision; both steps are rounded. Input and output may be the same
 * buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_map_rsqrt_f32(const tg_map_rsqrt_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = tg_one_nan_f32(1.0f / tg_sqrt_f32(input[i]));
  }
}
