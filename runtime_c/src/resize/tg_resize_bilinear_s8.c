/* Linear interpolation of an image, NHWC, in fixed point. An entry of a table has the number of the first of two pixels
 * in bits 31 to 16, whether the second is the next one in bit 15, and the second's weight in bits 14 to 0. */
#include "tg_kernels.h"
#include "tg_taps.h"

#define TG_FRACTION_BITS 11

static int32_t tg_resize_bilinear_s8_blend(int32_t first, int32_t second, int32_t weight) {
  return first * (1 << TG_FRACTION_BITS) + (second - first) * weight;
}

static int32_t tg_resize_bilinear_s8_weight_of(uint32_t tap) { return (int32_t)(tap & 0x7FFFu); }

void tg_resize_bilinear_s8(const tg_resize_bilinear_s8_params *p, const int8_t *input, const tg_i32 *rows,
                           const tg_i32 *columns, int8_t *output) {
  const uint32_t channels = p->channels;
  const uint32_t row_size = p->in_w * channels;
  for (uint32_t image = 0; image < p->images; image++) {
    for (uint32_t y = 0; y < p->out_h; y++) {
      const uint32_t row = (uint32_t)rows[y];
      const int8_t *top = input + tg_first_pixel(row) * row_size;
      const int8_t *bottom = input + tg_second_pixel(row) * row_size;
      const int32_t down = tg_resize_bilinear_s8_weight_of(row);
      for (uint32_t x = 0; x < p->out_w; x++) {
        const uint32_t column = (uint32_t)columns[x];
        const uint32_t left = tg_first_pixel(column) * channels;
        const uint32_t right = tg_second_pixel(column) * channels;
        const int32_t across = tg_resize_bilinear_s8_weight_of(column);
        for (uint32_t c = 0; c < channels; c++) {
          const int32_t at_left = tg_resize_bilinear_s8_blend(top[left + c], bottom[left + c], down);
          const int32_t at_right = tg_resize_bilinear_s8_blend(top[right + c], bottom[right + c], down);
          const int32_t sum = tg_resize_bilinear_s8_blend(at_left, at_right, across);
          const int32_t rounding = sum < 0 ? p->round_negative : p->round_positive;
          *output++ = (int8_t)((sum + rounding) >> (2 * TG_FRACTION_BITS));
        }
      }
    }
    input += p->in_h * row_size;
  }
}

#undef TG_FRACTION_BITS
