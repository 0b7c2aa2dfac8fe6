/* The error function of every element, in single precision. Input and output may be the same buffer. */
#include "tg_float.h"
#include "tg_kernels.h"

/* erf(x) / x - 1 for |x| below 0.875. */
static float tg_map_erf_f32_near_tail(float square) {
  float tail = 0x1.49af3ap-14f;
  tail = tail * square - 0x1.a4c29p-11f;
  tail = tail * square + 0x1.5430c6p-8f;
  tail = tail * square - 0x1.b7ff8ap-6f;
  tail = tail * square + 0x1.ce2d5cp-4f;
  tail = tail * square - 0x1.81274p-2f;
  return tail * square + 0x1.06eba8p-3f;
}

/* log(1 - erf(x)) from 0.875 to 4, where the result is 1 already. */
static float tg_map_erf_f32_far_logarithm(float x) {
  float sum = -0x1.a58496p-13f;
  sum = sum * x + 0x1.954fbp-9f;
  sum = sum * x - 0x1.6f54fep-6f;
  sum = sum * x + 0x1.ab533ap-4f;
  sum = sum * x + 0x1.46026ep-1f;
  sum = sum * x + 0x1.20c06cp+0f;
  return -(sum * x + 0x1.181c34p-13f);
}

static float tg_map_erf_f32_error_function(float x) {
  const float size = x < 0.0f ? -x : x;
  if (tg_is_nan_f32(x)) {
    return tg_nan_f32();
  }
  if (size < 0.875f) {
    return x + x * tg_map_erf_f32_near_tail(x * x);
  }
  const float result = 1.0f - tg_exp_f32(tg_map_erf_f32_far_logarithm(size < 4.0f ? size : 4.0f));
  return x < 0.0f ? -result : result;
}

void tg_map_erf_f32(const tg_map_erf_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    output[i] = tg_map_erf_f32_error_function(input[i]);
  }
}
