/* Maximum over windows, NHWC. Only the taps of a window inside the image count; one without any gives TG_EMPTY.
 *
 * TG_ELEMENT: the type of elements. TG_IS_FLOAT: a window with a NaN gives that NaN, the last one if there are several. */
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_ELEMENT int8_t
#define TG_IS_FLOAT 0
#define TG_EMPTY p->empty

#if TG_IS_FLOAT
#define TG_TAKES(x, largest) ((x) > (largest) || (x) != (x))
#else
#define TG_TAKES(x, largest) ((x) > (largest))
#endif

/* The first tap at or after 0 of a window that begins at begin. */
static int32_t tg_max_pool_s8_first_inside(int32_t begin, int32_t dilation) {
  while (begin < 0) {
    begin += dilation;
  }
  return begin;
}

static void tg_max_pool_s8_fill(TG_ELEMENT *output, int32_t count, TG_ELEMENT value) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = value;
  }
}

static void tg_max_pool_s8_copy(TG_ELEMENT *output, const TG_ELEMENT *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = input[i];
  }
}

static void tg_max_pool_s8_take_larger(TG_ELEMENT *output, const TG_ELEMENT *input, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    const TG_ELEMENT x = input[i];
    if (TG_TAKES(x, output[i])) {
      output[i] = x;
    }
  }
}

void tg_max_pool_s8(const tg_max_pool_s8_params *p, const TG_ELEMENT *input, TG_ELEMENT *output) {
  const TG_ELEMENT empty = TG_EMPTY;
  const int32_t channels = p->channels;
  const int32_t row = p->in_w * channels;
  const int32_t height = (p->kernel_h - 1) * p->dilation_h + 1;
  const int32_t width = (p->kernel_w - 1) * p->dilation_w + 1;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t out_y = 0; out_y < p->out_h; out_y++) {
      const int32_t top = out_y * p->stride_h - p->pad_top;
      const int32_t y_begin = tg_max_pool_s8_first_inside(top, p->dilation_h);
      const int32_t y_end = tg_min(top + height, p->in_h);
      for (int32_t out_x = 0; out_x < p->out_w; out_x++) {
        const int32_t left = out_x * p->stride_w - p->pad_left;
        const int32_t x_begin = tg_max_pool_s8_first_inside(left, p->dilation_w);
        const int32_t x_end = tg_min(left + width, p->in_w);
        int32_t taps = 0;
        for (int32_t y = y_begin; y < y_end; y += p->dilation_h) {
          for (int32_t x = x_begin; x < x_end; x += p->dilation_w) {
            const TG_ELEMENT *pixel = input + y * row + x * channels;
            if (taps++) {
              tg_max_pool_s8_take_larger(output, pixel, channels);
            } else {
              tg_max_pool_s8_copy(output, pixel, channels);
            }
          }
        }
        if (!taps) {
          tg_max_pool_s8_fill(output, channels, empty);
        }
        output += channels;
      }
    }
    input += p->in_h * row;
  }
}

#undef TG_ELEMENT
#undef TG_IS_FLOAT
#undef TG_EMPTY
#undef TG_TAKES
