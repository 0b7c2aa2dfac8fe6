/* Linear interpolation of an image, NHWC, in single precision; the result is rounded towards zero. tg_taps.h has the
 * entries of a table.
 *
 * TG_IS_FUSED: products and sums are rounded together, as fused multiply-adds do. */
#include "tg_float.h"
#include "tg_kernels.h"
#include "tg_taps.h"

#define TG_IS_FUSED 0

#if TG_IS_FUSED

typedef union {
  double value;
  uint64_t bits;
} tg_resize_bilinear_float_s8_double_bits;

/* first + (second - first) * weight, the product and the sum rounded together as a fused multiply-add does. The sum of
 * the exact product is rounded to odd, so that rounding it again to single precision makes no tie of it. */
static float tg_resize_bilinear_float_s8_blend(float first, float second, float weight) {
  const double product = (double)(second - first) * (double)weight;
  const double sum = product + (double)first, rest = sum - product;
  const double error = (product - (sum - rest)) + ((double)first - rest);
  tg_resize_bilinear_float_s8_double_bits total;
  total.value = sum;
  if (error != 0.0 && (total.bits & 1) == 0) {
    /* One step towards the exact sum: away from zero where the error has the sum's sign. */
    total.bits += (error > 0.0) == (sum > 0.0) ? 1 : (uint64_t)-1;
  }
  return (float)total.value;
}

#else

static float tg_resize_bilinear_float_s8_blend(float first, float second, float weight) {
  /* Volatile: the product is rounded by itself, where a fused multiply-add would not do so. */
  const volatile float part = (second - first) * weight;
  return first + part;
}

#endif

void tg_resize_bilinear_float_s8(const tg_resize_bilinear_float_s8_params *p, const int8_t *input, const tg_i32 *rows,
                                 const tg_f32 *row_weights, const tg_i32 *columns, const tg_f32 *column_weights,
                                 int8_t *output) {
  const uint32_t channels = p->channels;
  const uint32_t row_size = p->in_w * channels;
  for (uint32_t image = 0; image < p->images; image++) {
    for (uint32_t y = 0; y < p->out_h; y++) {
      const uint32_t row = (uint32_t)rows[y];
      const int8_t *top = input + tg_first_pixel(row) * row_size;
      const int8_t *bottom = input + tg_second_pixel(row) * row_size;
      for (uint32_t x = 0; x < p->out_w; x++) {
        const uint32_t column = (uint32_t)columns[x];
        const uint32_t left = tg_first_pixel(column) * channels;
        const uint32_t right = tg_second_pixel(column) * channels;
        for (uint32_t c = 0; c < channels; c++) {
          const float at_left = tg_resize_bilinear_float_s8_blend(top[left + c], bottom[left + c], row_weights[y]);
          const float at_right = tg_resize_bilinear_float_s8_blend(top[right + c], bottom[right + c], row_weights[y]);
          const float value = tg_resize_bilinear_float_s8_blend(at_left, at_right, column_weights[x]);
          *output++ = (int8_t)value;
        }
      }
    }
    input += p->in_h * row_size;
  }
}

#undef TG_IS_FUSED
