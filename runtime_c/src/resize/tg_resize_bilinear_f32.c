/* Linear interpolation of an image, NHWC, in single precision: columns of two pixels first, then the two results. An
 * entry of a table has the number of the first of two pixels in bits 31 to 16 and whether the second is the next one in
 * bit 15. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_taps.h"

static float tg_resize_bilinear_f32_blend(float first, float second, float weight) {
  return first + (second - first) * weight;
}

void tg_resize_bilinear_f32(const tg_resize_bilinear_f32_params *restrict p, const tg_f32 *input, const tg_i32 *rows,
                            const tg_f32 *row_weights, const tg_i32 *columns, const tg_f32 *column_weights,
                            tg_f32 *output) {
  const uint32_t channels = p->channels;
  const uint32_t row_size = p->in_w * channels;
  for (uint32_t image = 0; image < p->images; image++) {
    for (uint32_t y = 0; y < p->out_h; y++) {
      const uint32_t row = (uint32_t)rows[y];
      const tg_f32 *top = input + tg_first_pixel(row) * row_size;
      const tg_f32 *bottom = input + tg_second_pixel(row) * row_size;
      for (uint32_t x = 0; x < p->out_w; x++) {
        const uint32_t column = (uint32_t)columns[x];
        const uint32_t left = tg_first_pixel(column) * channels;
        const uint32_t right = tg_second_pixel(column) * channels;
        for (uint32_t c = 0; c < channels; c++) {
          const float at_left = tg_resize_bilinear_f32_blend(top[left + c], bottom[left + c], row_weights[y]);
          const float at_right = tg_resize_bilinear_f32_blend(top[right + c], bottom[right + c], row_weights[y]);
          const float value = tg_resize_bilinear_f32_blend(at_left, at_right, column_weights[x]);
          *output++ = value == value ? value : tg_nan_f32();
        }
      }
    }
    input += p->in_h * row_size;
  }
}
