/* float to int32, towards zero, saturated; 0 of NaN. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_cast_f32_s32(const tg_cast_f32_s32_params *p, const tg_f32 *input, tg_i32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const float x = input[i];
    int32_t whole = 0;
    if (x >= 2147483648.0f) {
      whole = INT32_MAX;
    } else if (x <= -2147483648.0f) {
      whole = INT32_MIN;
    } else if (!tg_is_nan_f32(x)) {
      whole = (int32_t)x;
    }
    output[i] = whole;
  }
}
