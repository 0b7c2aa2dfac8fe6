/* Sums over windows of int8, NHWC: of four channels at once, whose taps are the bytes of words. */
#ifndef TG_MEAN_SUMS_H
#define TG_MEAN_SUMS_H

#include "tg_dsp.h"
#include "tg_mean_windows.h"

/* How many taps a halfword sums up, with signs or plus 128 each. */
#define TG_MEAN_ROOM 256

#if TG_HAS_DSP || TG_DSP_ACLE || TG_ARMV6M_LOOPS

/* Of bytes 0 and 2, and of bytes 1 and 3. */
typedef struct {
  uint32_t even;
  uint32_t odd;
} tg_mean_halves;

#if TG_HAS_DSP || TG_DSP_ACLE
#define TG_MEAN_WORD(x) tg_load4(x)
#define TG_MEAN_ADD(halves, word)                    \
  (halves).even = tg_even_plus((halves).even, word); \
  (halves).odd = tg_odd_plus((halves).odd, word);
#define TG_MEAN_HALF(word, upper, taps) tg_half(word, upper)
#else
#define TG_MEAN_WORD(x) (*(const tg_u32 *)(const void *)(x) ^ 0x80808080u)
#define TG_MEAN_ADD(halves, word)           \
  (halves).even += (word) & 0xFF00FFu;      \
  (halves).odd += (word) >> 8 & 0xFF00FFu;
#define TG_MEAN_HALF(word, upper, taps) ((int32_t)((word) >> 16 * (upper) & 0xFFFFu) - 128 * (taps))
#endif

static inline void tg_mean_fold(tg_mean_halves halves, int32_t taps, tg_i32 *sums) {
  (void)taps;
  sums[0] += TG_MEAN_HALF(halves.even, 0, taps);
  sums[1] += TG_MEAN_HALF(halves.odd, 0, taps);
  sums[2] += TG_MEAN_HALF(halves.even, 1, taps);
  sums[3] += TG_MEAN_HALF(halves.odd, 1, taps);
}

/* count taps from x on. */
static inline tg_mean_halves tg_mean_taps(const int8_t *x, int32_t step, int32_t count, tg_mean_halves halves) {
#if !TG_ARMV6M_LOOPS /* which has registers for one at a time */
  TG_COMPACT
  for (; count >= 4; count -= 4) {
    const uint32_t first = TG_MEAN_WORD(x);
    const uint32_t second = TG_MEAN_WORD(x + step);
    const uint32_t third = TG_MEAN_WORD(x + 2 * step);
    const uint32_t fourth = TG_MEAN_WORD(x + 3 * step);
    x += 4 * step;
    TG_MEAN_ADD(halves, first)
    TG_MEAN_ADD(halves, second)
    TG_MEAN_ADD(halves, third)
    TG_MEAN_ADD(halves, fourth)
  }
#endif
  TG_COMPACT
  for (; count > 0; count--) {
    const uint32_t word = TG_MEAN_WORD(x);
    x += step;
    TG_MEAN_ADD(halves, word)
  }
  return halves;
}

static inline void tg_mean_four_words(const int8_t *x, const tg_mean_window *window, tg_i32 *sums) {
  const int32_t step = window->step;
  tg_mean_halves halves = {0, 0};
  int32_t room = TG_MEAN_ROOM;
  TG_COMPACT
  for (int32_t line = window->lines; line > 0; line--) {
    TG_COMPACT
    for (int32_t rest = window->length; rest > 0;) {
      const int32_t count = tg_min(rest, room);
      halves = tg_mean_taps(x, step, count, halves);
      x += count * step;
      rest -= count;
      room -= count;
      if (room == 0) {
        tg_mean_fold(halves, TG_MEAN_ROOM, sums);
        halves.even = 0;
        halves.odd = 0;
        room = TG_MEAN_ROOM;
      }
    }
    x += window->skip;
  }
  tg_mean_fold(halves, TG_MEAN_ROOM - room, sums);
}

#undef TG_MEAN_WORD
#undef TG_MEAN_ADD
#undef TG_MEAN_HALF

#endif

/* The sums of four channels, the first of which has its first tap at x. */
static TG_APART void tg_mean_four(const int8_t *x, const tg_mean_window *window, tg_i32 *sums) {
  TG_COMPACT
  for (int32_t i = 0; i < 4; i++) {
    sums[i] = 0;
  }
#if TG_HAS_DSP || TG_DSP_ACLE
  tg_mean_four_words(x, window, sums);
#else
#if TG_ARMV6M_LOOPS
  if ((((uintptr_t)x | (uintptr_t)window->step) & 3) == 0) {
    tg_mean_four_words(x, window, sums);
    return;
  }
#endif
  TG_COMPACT
  for (int32_t line = window->lines; line > 0; line--) {
    TG_COMPACT
    for (int32_t rest = window->length; rest > 0; rest--) {
      sums[0] += x[0];
      sums[1] += x[1];
      sums[2] += x[2];
      sums[3] += x[3];
      x += window->step;
    }
    x += window->skip;
  }
#endif
}

/* The sum of one of an image's channels, which are asked for from 0 on; fours: what is kept from one to the next. */
static inline int32_t tg_mean_sum(const int8_t *image, const tg_mean_window *window, int32_t channel, int32_t channels,
                                  tg_i32 *fours) {
  const int32_t place = channel & 3;
  if (channel - place + 4 <= channels) {
    if (place == 0) {
      tg_mean_four(image + window->first + channel, window, fours);
    }
    return fours[place];
  }
  int32_t sum = 0;
  TG_MEAN_TAPS(*window, channel, i) {
    sum += image[i];
  }
  return sum;
}

#endif
