/* The loops of kernels that take the mean over windows, NHWC: what of each window lies inside the image. */
#ifndef TG_MEAN_WINDOWS_H
#define TG_MEAN_WINDOWS_H

#include "tg_compact.h"
#include "tg_numerics.h"

/* lines runs of length taps that are step elements apart, skip more after each run. first: the place of the first one's
 * first channel in the image. taps: of all runs. */
typedef struct {
  int32_t first;
  int32_t lines;
  int32_t length;
  int32_t step;
  int32_t skip;
  int32_t taps;
} tg_mean_window;

/* The window of rows from y on and columns from x on; either may be none. row: elements of a row of the image. */
static inline tg_mean_window tg_mean_window_of(int32_t y, int32_t rows, int32_t x, int32_t columns, int32_t channels,
                                               int32_t row) {
  const int32_t taps = rows * columns;
  const int32_t skip = row - columns * channels;
  /* Whole rows follow one another as one. */
  const tg_mean_window window = {taps ? y * row + x * channels : 0, skip ? rows : 1, skip ? columns : taps, channels,
                                 skip, taps};
  return window;
}

/* How many of count places from begin on lie in 0 .. size - 1. */
static inline int32_t tg_inside(int32_t begin, int32_t count, int32_t size) {
  return tg_max(tg_min(begin + count, size) - tg_max(begin, 0), 0);
}

/* A statement for each window, in the order of the output; input, a pointer, moves on to the next image. p: the kernel's
 * parameters. */
#define TG_MEAN_WINDOWS(p, input, window)                                                                           \
  for (int32_t image = 0, top, rows; image < (p)->images; image++, input += (p)->in_h * (p)->in_w * (p)->channels)  \
    for (int32_t y = 0; y < (p)->out_h && (top = y * (p)->stride_h - (p)->pad_top,                                  \
                                           rows = tg_inside(top, (p)->kernel_h, (p)->in_h), 1);                     \
         y++)                                                                                                       \
      for (int32_t left = -(p)->pad_left, x = 0;                                                                    \
           x < (p)->out_w &&                                                                                        \
           (window = tg_mean_window_of(tg_max(top, 0), rows, tg_max(left, 0),                                       \
                                       tg_inside(left, (p)->kernel_w, (p)->in_w), (p)->channels,                    \
                                       (p)->in_w * (p)->channels), 1);                                              \
           x++, left += (p)->stride_w)

/* A statement for each tap of a window, row by row; i: its place in the image, of that channel. */
#define TG_MEAN_TAPS(window, channel, i)                                                                      \
  for (int32_t line = (window).lines, step = (window).step, skip = (window).skip, i = (window).first + (channel); \
       line > 0; line--, i += skip)                                                                           \
    TG_COMPACT                                                                                                \
    for (int32_t rest = (window).length; rest > 0; rest--, i += step)

#endif
