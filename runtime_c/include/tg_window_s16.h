/* The part of a convolution's window that lies inside the image, for its int16 kernels. NHWC; one filter is
 * [kernel_h][kernel_w][channels of a group]. */
#ifndef TG_WINDOW_S16_H
#define TG_WINDOW_S16_H

#include <stdint.h>

/* Taps [first, end) along one dimension. */
typedef struct {
  int32_t first;
  int32_t end;
} tg_taps_s16;

/* Those of a window that begins at begin, of kernel taps that are dilation apart, within 0 .. size - 1. */
static inline tg_taps_s16 tg_taps_inside_s16(int32_t begin, int32_t kernel, int32_t dilation, int32_t size) {
  tg_taps_s16 taps = {0, kernel};
  while (taps.first < kernel && begin + taps.first * dilation < 0) {
    taps.first++;
  }
  while (taps.end > taps.first && begin + (taps.end - 1) * dilation >= size) {
    taps.end--;
  }
  return taps;
}

/* A window as rows of runs of elements that are neighbours in the image and in the filter. Without groups and dilation a
 * whole row of it is one run. Offsets and steps are in elements. */
typedef struct {
  int32_t rows;
  int32_t runs;
  int32_t run;
  int32_t x_first;
  int32_t w_first;
  int32_t x_row;
  int32_t w_row;
  int32_t x_run;
} tg_window_s16;

/* What does not change from window to window. channels: of one group. */
typedef struct {
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t dilation_h;
  int32_t dilation_w;
} tg_sizes_s16;

/* The window whose first row and column, which may be outside the image, are top and left. */
static inline tg_window_s16 tg_window_at_s16(const tg_sizes_s16 *s, int32_t top, int32_t left) {
  const tg_taps_s16 y = tg_taps_inside_s16(top, s->kernel_h, s->dilation_h, s->in_h);
  const tg_taps_s16 x = tg_taps_inside_s16(left, s->kernel_w, s->dilation_w, s->in_w);
  const int32_t columns = x.end - x.first;
  const int32_t whole_rows = s->channels == s->in_c && s->dilation_w == 1;
  tg_window_s16 window = {0, 0, 0, 0, 0, 0, 0, 0};
  if (columns <= 0 || y.end <= y.first) {
    return window;
  }
  window.rows = y.end - y.first;
  window.runs = whole_rows ? 1 : columns;
  window.run = whole_rows ? columns * s->channels : s->channels;
  window.x_first = ((top + y.first * s->dilation_h) * s->in_w + left + x.first * s->dilation_w) * s->in_c;
  window.w_first = (y.first * s->kernel_w + x.first) * s->channels;
  window.x_row = s->dilation_h * s->in_w * s->in_c;
  window.w_row = s->kernel_w * s->channels;
  window.x_run = s->dilation_w * s->in_c;
  return window;
}

#endif
