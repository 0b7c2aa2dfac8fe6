/* Mean over windows of int8, NHWC, as onnxruntime has it: in single precision, the taps of a window inside the image added up
 * row by row; then one division.
 *
 * All these roundings together move a mean by less than 'near' steps of 2^-fraction_bits. So the sum of the integers, times
 * multiplier over the number of taps, decides all means but those that lie that near to half way between two integers. */
#include "tg_dsp.h"
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_mean_sums.h"
#include "tg_mean_windows.h"
#include "tg_numerics.h"

/* x / scale plus the offset of the model's integers, to nearest, ties to even. */
static int32_t tg_avg_pool_onnx_s8_stored(float x, const tg_avg_pool_onnx_s8_params *p) {
  const float quotient = x / p->scale;
  float steps = quotient + (float)(p->out_offset + p->raised);
  steps = steps > -1024.0f ? steps : -1024.0f;
  steps = steps < 1024.0f ? steps : 1024.0f;
  const int32_t truncated = (int32_t)steps;
  const float rest = steps - (float)truncated;
  const int32_t odd = truncated & 1;
  const int32_t up = rest > 0.5f || (rest == 0.5f && odd);
  const int32_t down = rest < -0.5f || (rest == -0.5f && odd);
  return truncated + up - down - p->raised;
}

static TG_APART int32_t tg_avg_pool_onnx_s8_in_float(const tg_avg_pool_onnx_s8_params *p, const int8_t *input,
                                                     const tg_mean_window *window, int32_t channel, int32_t divisor) {
  float sum = 0.0f;
  TG_MEAN_TAPS(*window, channel, i) {
    const int32_t tap = input[i] - p->in_offset;
    sum += (float)tap * p->in_scale;
  }
  return tg_avg_pool_onnx_s8_stored(sum / (float)divisor, p);
}

TG_SMALL
void tg_avg_pool_onnx_s8(const tg_avg_pool_onnx_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t bits = p->fraction_bits;
  const uint32_t mask = ((uint32_t)1 << bits) - 1;
  const int32_t start = p->out_offset * (int32_t)((uint32_t)1 << bits) + (int32_t)(((uint32_t)1 << bits) >> 1) + p->near;
  int32_t divisor = 0;
  int32_t multiplier = 0;
  tg_mean_window window;
  tg_i32 fours[4] = {0, 0, 0, 0};
  TG_MEAN_WINDOWS(p, input, window) {
    const int32_t taps = p->count_pads ? p->kernel_h * p->kernel_w : tg_max(window.taps, 1);
    if (taps != divisor) {
      divisor = taps;
      multiplier = p->multiplier / taps;
    }
    for (int32_t channel = 0; channel < p->channels; channel++) {
      const int32_t sum = tg_mean_sum(input, &window, channel, p->channels, fours) - window.taps * p->in_offset;
      const int32_t value = sum * multiplier + start;
      const int32_t mean = ((uint32_t)value & mask) < 2 * (uint32_t)p->near
                               ? tg_avg_pool_onnx_s8_in_float(p, input, &window, channel, divisor)
                               : value >> bits;
      *output++ = tg_clamp_s8(mean, INT8_MIN, INT8_MAX);
    }
  }
}
