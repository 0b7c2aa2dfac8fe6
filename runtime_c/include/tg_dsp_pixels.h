/* Two pixels of 4 to 8 channels as halfwords, and two channels of a convolution by 1x1 of them, in portable C. */
#ifndef TG_DSP_PIXELS_H
#define TG_DSP_PIXELS_H

#include <stdint.h>

#include "tg_dsp.h"

/* A pixel's first four bytes and its last, the bytes {0, 2} and {1, 3} of each. */
static inline void tg_dsp_pixels_put(const int8_t *pixel, int32_t in_c, tg_u32 *x) {
  const uint32_t front = tg_load4(pixel);
  const uint32_t back = tg_load4(pixel + in_c - 4);
  x[0] = tg_even(front);
  x[1] = tg_odd(front);
  x[2] = tg_even(back);
  x[3] = tg_odd(back);
}

/* Of the first and the second pixel: sums of channels 0 and 1. */
typedef struct {
  uint32_t first0;
  uint32_t first1;
  uint32_t second0;
  uint32_t second1;
} tg_dsp_pixels_sums;

TG_INLINE tg_dsp_pixels_sums tg_dsp_pixels_add(tg_dsp_pixels_sums s, uint32_t first, uint32_t second, uint32_t words,
                                               uint32_t next) {
  s.first0 = tg_dot2(first, words, s.first0);
  s.first1 = tg_dot2(first, next, s.first1);
  s.second0 = tg_dot2(second, words, s.second0);
  s.second1 = tg_dot2(second, next, s.second1);
  return s;
}

/* x: both pixels; words and next: each channel's bias and weights. */
TG_INLINE tg_dsp_pixels_sums tg_dsp_pixels_of_two(const tg_u32 *x, const tg_u32 *words, const tg_u32 *next) {
  tg_dsp_pixels_sums s = {words[0], next[0], words[0], next[0]};
  s = tg_dsp_pixels_add(s, x[0], x[4], words[1], next[1]);
  s = tg_dsp_pixels_add(s, x[1], x[5], words[2], next[2]);
  s = tg_dsp_pixels_add(s, x[2], x[6], words[3], next[3]);
  return tg_dsp_pixels_add(s, x[3], x[7], words[4], next[4]);
}

#endif
