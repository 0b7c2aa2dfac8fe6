/* Mean over windows of int8, NHWC, as onnxruntime has it: in single precision. The taps of a window inside the image are
 * added up row by row; then one division. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* x / scale plus the offset of the model's integers, to nearest, ties to even; as int8. */
static int8_t tg_avg_pool_onnx_s8_stored(float x, const tg_avg_pool_onnx_s8_params *p) {
  const float quotient = x / p->scale;
  float steps = quotient + (float)(p->out_offset + p->raised);
  steps = steps > -1024.0f ? steps : -1024.0f;
  steps = steps < 1024.0f ? steps : 1024.0f;
  const int32_t truncated = (int32_t)steps;
  const float rest = steps - (float)truncated;
  const int32_t odd = truncated & 1;
  const int32_t up = rest > 0.5f || (rest == 0.5f && odd);
  const int32_t down = rest < -0.5f || (rest == -0.5f && odd);
  return tg_clamp_s8(truncated + up - down - p->raised, INT8_MIN, INT8_MAX);
}

void tg_avg_pool_onnx_s8(const tg_avg_pool_onnx_s8_params *p, const int8_t *input, int8_t *output) {
  const int32_t channels = p->channels;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const int32_t last_row = tg_min(top + p->kernel_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const int32_t last_column = tg_min(left + p->kernel_w, p->in_w);
        const int32_t first_row = tg_max(top, 0), first_column = tg_max(left, 0);
        const int32_t inside = tg_max(last_row - first_row, 0) * tg_max(last_column - first_column, 0);
        const float taps = (float)(p->count_pads ? p->kernel_h * p->kernel_w : tg_max(inside, 1));
        for (int32_t channel = 0; channel < channels; channel++) {
          float sum = 0.0f;
          for (int32_t row = first_row; row < last_row; row++) {
            for (int32_t column = first_column; column < last_column; column++) {
              const int32_t tap = input[(row * p->in_w + column) * channels + channel] - p->in_offset;
              sum += (float)tap * p->in_scale;
            }
          }
          *output++ = tg_avg_pool_onnx_s8_stored(sum / taps, p);
        }
      }
    }
    input += p->in_h * p->in_w * channels;
  }
}
