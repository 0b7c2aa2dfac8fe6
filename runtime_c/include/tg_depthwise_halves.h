/* How a channel's image is laid out in words of two pixels for a depthwise convolution: each row along the longer side of the
 * output (tg_plane.h) in one row of words, of a pixel that windows of the first half of the outputs read, in the lower half,
 * and of the one that is as far on as the second half of the outputs, x0 + x1 * 2^16. */
#ifndef TG_DEPTHWISE_HALVES_H
#define TG_DEPTHWISE_HALVES_H

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_numerics.h"
#include "tg_plane.h"

#if TG_ARMV6M_LOOPS
#define TG_DEPTHWISE_HALVES_JOIN static inline
#else /* compilers find registers for a function of its own */
#define TG_DEPTHWISE_HALVES_JOIN static TG_APART
#endif

/* Words of two pixels: of x and what is apart from it, and so on by steps. */
TG_DEPTHWISE_HALVES_JOIN void tg_depthwise_halves_join(const int8_t *x, int32_t step, int32_t apart, tg_i32 *to,
                                                       const tg_i32 *end) {
#if TG_ARMV6M_LOOPS
  register const int8_t *r0 __asm__("r0") = x;
  register int32_t r1 __asm__("r1") = step;
  register int32_t r2 __asm__("r2") = apart;
  register tg_i32 *r3 __asm__("r3") = to;
  register const tg_i32 *r4 __asm__("r4") = end;
  /* 10.5 cycles a word; an odd number is entered at the second of two. */
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r8, r4\n\t"
      "subs r5, r4, r3\n\t"
      "movs r4, #0\n\t"
      "lsrs r5, r5, #3\n\t"
      "bcs 2f\n"
      "1:\n\t"
      "ldrsb r5, [r0, r4]\n\t"
      "ldrsb r6, [r0, r2]\n\t"
      "lsls r6, r6, #16\n\t"
      "adds r5, r5, r6\n\t"
      "stmia r3!, {r5}\n\t"
      "add r0, r1\n"
      "2:\n\t"
      "ldrsb r5, [r0, r4]\n\t"
      "ldrsb r6, [r0, r2]\n\t"
      "lsls r6, r6, #16\n\t"
      "adds r5, r5, r6\n\t"
      "stmia r3!, {r5}\n\t"
      "add r0, r1\n\t"
      "cmp r3, r8\n\t"
      "bne 1b\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "cc", "memory");
#else
  TG_COMPACT
  for (; to != end; x += step) {
    *to++ = (tg_i32)((uint32_t)*x + ((uint32_t)x[apart] << 16));
  }
#endif
}

#undef TG_DEPTHWISE_HALVES_JOIN

/* Words of a column of which one half lies outside, which base stands for; x and to move on by row and width. */
static void tg_depthwise_halves_edge(const int8_t *x, int32_t row, int32_t base, int32_t shift, int32_t width,
                                     int32_t count, tg_i32 *to) {
  TG_COMPACT
  for (; count > 0; count--) {
    *to = base + (int32_t)((uint32_t)*x << shift);
    to += width;
    x += row;
  }
}

/* What lies inside a channel's image; channel: its first input; apart: outputs between the halves. */
static void tg_depthwise_halves_lay_out(const tg_plane *plane, int32_t apart, const int8_t *channel, tg_i32 *words) {
  const int32_t step = plane->along.input_step;
  const int32_t row = plane->across.input_step;
  const int32_t pad = plane->along.pad;
  const int32_t inputs = plane->along.inputs;
  const int32_t fill = plane->fill;
  const int32_t width = plane->width - apart;
  const int32_t above = tg_min(plane->across.pad, plane->height);
  const int32_t rows = tg_min(plane->across.inputs, plane->height - above);
  /* From begin on the first half is inside, up to end the second one. */
  const int32_t begin = tg_min(pad, width);
  const int32_t end = tg_max(tg_min(pad + inputs - apart, width), begin);
  words += above * width;
  for (int32_t i = tg_max(pad - apart, 0); i < begin && i + apart < pad + inputs; i++) {
    tg_depthwise_halves_edge(channel + (i + apart - pad) * step, row, fill, 16, width, rows, words + i);
  }
  for (int32_t i = end; i < width && i < pad + inputs; i++) {
    tg_depthwise_halves_edge(channel + (i - pad) * step, row, (int32_t)((uint32_t)fill << 16), 0, width, rows,
                             words + i);
  }
  if (end > begin) {
    const int8_t *x = channel + (begin - pad) * step;
    TG_COMPACT
    for (int32_t y = 0; y < rows; y++) {
      tg_depthwise_halves_join(x, step, apart * step, words + begin, words + end);
      x += row;
      words += width;
    }
  }
}

#endif
