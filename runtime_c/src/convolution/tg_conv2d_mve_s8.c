/* 2-D convolution for cores with vectors of 16 int8: four channels at once, over runs of neighbours in image and filters.
 * NHWC; filters [out_c][kernel_h][kernel_w][in_c]. The input's offset is folded into the bias, for windows that count taps
 * outside of the image as inputs of in_offset.
 *
 * output = activation(requantize(bias + sum of input * (filter - filter_offset))); with pool, of the largest of 2x2 sums.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, two words in channels: the multiplier; pre + (post << 8). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_mve.h"

#define TG_PER_CHANNEL 0

/* A window. What lies inside of the image: rows, each of so many elements; x and w: where they begin in image and filter.
 * Elements of a row before and after it, and rows above it, are outside. */
typedef struct {
  const int8_t *x;
  int32_t w;
  int32_t rows;
  int32_t inside;
  int32_t before;
  int32_t above;
  int32_t is_cut;
  uint32_t minus; /* filter_offset times the sum of its inputs */
} tg_conv2d_mve_s8_window;

static inline int32_t tg_conv2d_mve_s8_between(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

static tg_conv2d_mve_s8_window tg_conv2d_mve_s8_window_at(const tg_conv2d_mve_s8_params *p, const int8_t *image, int32_t top,
                                                          int32_t left) {
  const int32_t first = tg_conv2d_mve_s8_between(-left, 0, p->kernel_w);
  const int32_t columns = tg_conv2d_mve_s8_between(p->in_w - left, first, p->kernel_w) - first;
  const int32_t above = tg_conv2d_mve_s8_between(-top, 0, p->kernel_h);
  const int32_t rows = columns ? tg_conv2d_mve_s8_between(p->in_h - top, above, p->kernel_h) - above : 0;
  tg_conv2d_mve_s8_window window;
  window.x = rows ? image + ((top + above) * p->in_w + left + first) * p->in_c : image;
  window.w = (above * p->kernel_w + first) * p->in_c;
  window.rows = rows;
  window.inside = columns * p->in_c;
  window.before = first * p->in_c;
  window.above = above;
  window.is_cut = rows < p->kernel_h || columns < p->kernel_w;
  window.minus = 0;
  if (p->filter_offset != 0) {
    uint32_t sum = (uint32_t)p->in_offset * (uint32_t)((p->kernel_h * p->kernel_w - rows * columns) * p->in_c);
    for (int32_t row = 0; row < rows; row++) {
      sum += tg_mve_sum(window.x + row * p->in_w * p->in_c, window.inside);
    }
    window.minus = (uint32_t)p->filter_offset * sum;
  }
  return window;
}

/* What the taps outside of the image add, as inputs of in_offset. */
static tg_mve_sums tg_conv2d_mve_s8_border(const tg_conv2d_mve_s8_params *p, const tg_conv2d_mve_s8_window *window,
                                           tg_mve_filters filters, tg_mve_sums sums) {
  const int32_t row_size = p->kernel_w * p->in_c;
  for (int32_t row = 0; row < p->kernel_h; row++) {
    const int32_t is_inside = row >= window->above && row < window->above + window->rows;
    const int32_t before = is_inside ? window->before : row_size;
    sums = tg_mve_dot_value(p->in_offset, filters, before, sums);
    if (is_inside) {
      const int32_t end = before + window->inside;
      sums = tg_mve_dot_value(p->in_offset, tg_mve_after(filters, end), row_size - end, sums);
    }
    filters = tg_mve_after(filters, row_size);
  }
  return sums;
}

/* The products of a window with count <= 4 filters, the first at w. */
static inline tg_mve_sums tg_conv2d_mve_s8_sums(const tg_conv2d_mve_s8_params *p, const tg_conv2d_mve_s8_window *window,
                                                const int8_t *w, int32_t filter_size, int32_t count) {
  const tg_mve_filters whole = tg_mve_filters_at(w, filter_size, count);
  const int32_t x_row = p->in_w * p->in_c;
  const int32_t w_row = p->kernel_w * p->in_c;
  const uint32_t begin = 0u - window->minus;
  tg_mve_sums sums = {begin, begin, begin, begin};
  tg_mve_filters filters = tg_mve_after(whole, window->w);
  const int8_t *x = window->x;
  for (int32_t row = window->rows; row > 0; row--) {
    sums = tg_mve_dot(x, filters, window->inside, sums);
    x += x_row;
    filters = tg_mve_after(filters, w_row);
  }
  return window->is_cut && p->in_offset ? tg_conv2d_mve_s8_border(p, window, whole, sums) : sums;
}

#if TG_PER_CHANNEL
void tg_conv2d_mve_s8(const tg_conv2d_mve_s8_params *p, const int8_t *input, const int8_t *filter, const tg_i32 *bias,
                      const tg_i32 *channels, int8_t *output) {
#else
void tg_conv2d_mve_s8(const tg_conv2d_mve_s8_params *p, const int8_t *input, const int8_t *filter, const tg_i32 *bias,
                      int8_t *output) {
#endif
  const int32_t filter_size = p->kernel_h * p->kernel_w * p->in_c;
  const int32_t factor = p->pool ? 2 : 1;
  const int32_t taken = p->pool ? 4 : 1; /* windows of an output */
  const int32_t pixels = p->images * p->out_h * p->out_w;
  const int32_t out_c = p->out_c;
  const int32_t act_min = p->act_min;
  const int32_t act_max = p->act_max;
#if !TG_PER_CHANNEL
  const tg_requant out = p->out;
#endif
  int32_t x = 0;
  int32_t y = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel++) {
    tg_conv2d_mve_s8_window windows[4];
    for (int32_t i = 0; i < taken; i++) {
      const int32_t row = factor * y + (i >> 1);
      const int32_t column = factor * x + (i & 1);
      windows[i] = tg_conv2d_mve_s8_window_at(p, input, row * p->stride_h - p->pad_top, column * p->stride_w - p->pad_left);
    }
    for (int32_t channel = 0; channel < out_c; channel += 4) {
      const int32_t count = out_c - channel < 4 ? out_c - channel : 4;
      const int8_t *w = filter + channel * filter_size;
      tg_mve_sums best = tg_conv2d_mve_s8_sums(p, &windows[0], w, filter_size, count);
      for (int32_t i = 1; i < taken; i++) {
        const tg_mve_sums sums = tg_conv2d_mve_s8_sums(p, &windows[i], w, filter_size, count);
        best.first = tg_mve_largest(best.first, sums.first);
        best.second = tg_mve_largest(best.second, sums.second);
        best.third = tg_mve_largest(best.third, sums.third);
        best.fourth = tg_mve_largest(best.fourth, sums.fourth);
      }
      const uint32_t products[4] = {best.first, best.second, best.third, best.fourth};
      for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (int32_t)(products[i] + (uint32_t)bias[channel + i]);
#if TG_PER_CHANNEL
        const tg_i32 *words = channels + 2 * (channel + i);
        const tg_requant out = {words[0], p->out_offset, (uint8_t)(words[1] & 0xff), (uint8_t)((words[1] >> 8) & 0xff)};
#endif
        *output++ = tg_activate_s8(tg_epilogue_glow(sum, &out), act_min, act_max, p->leaky, &p->negative);
      }
    }
    x++;
    if (x == p->out_w) {
      x = 0;
      y++;
      if (y == p->out_h) {
        y = 0;
        input += p->in_h * p->in_w * p->in_c;
      }
    }
  }
}

#undef TG_PER_CHANNEL
