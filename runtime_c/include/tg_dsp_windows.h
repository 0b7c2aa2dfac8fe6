/* The inputs of four pixels of a convolution, side by side or in a block of 2x2, laid out as 16-bit numbers in columns.
 *
 * The bytes of each row of a window are taken by groups of four: eight words, of the bytes {0, 2} of pixels 0 to 3 and then
 * of the bytes {1, 3}. Where a single byte is left, those of all rows come last, of two rows a word: four words each. The
 * upper half of the last does not matter if it belongs to no row. Where two or three are left, a group has bytes that belong
 * to no tap. */
#ifndef TG_DSP_WINDOWS_H
#define TG_DSP_WINDOWS_H

#include <stdint.h>

#include "tg_dsp.h"
#include "tg_numerics.h"

/* Groups of a row of width bytes, and whether one is left. */
#define TG_DSP_WINDOW_GROUPS(width) (((width) + 2) >> 2)
#define TG_DSP_WINDOW_END(width) (((width) & 3) == 1)

/* Words of one window. */
#define TG_DSP_WINDOW_WORDS(rows, width) \
  ((rows) * 2 * TG_DSP_WINDOW_GROUPS(width) + (TG_DSP_WINDOW_END(width) ? ((rows) + 1) >> 1 : 0))

/* Where the four windows are, in bytes; the code below knows the order. */
typedef struct {
  int32_t right; /* from pixel 0's to pixel 1's, and from pixel 2's to pixel 3's */
  int32_t down; /* from pixel 0's to pixel 2's */
  tg_u32 *columns;
  int32_t rows;
  int32_t groups;
  int32_t end;
  int32_t step; /* from a row to the next */
} tg_dsp_windows;

/* at: pixel 0's window. */
static TG_APART void tg_dsp_windows_lay_out(const tg_dsp_windows *s, const int8_t *at) {
#if TG_HAS_DSP
  register const tg_dsp_windows *r0 __asm__("r0") = s;
  register const int8_t *r1 __asm__("r1") = at;
  /* 27 cycles a group on the M4. */
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r1, r7}\n\t"
      "ldr r2, [r0]\n\t"
      "ldr r3, [r0, #4]\n\t"
      "ldr r4, [r0, #8]\n\t"
      "ldr r11, [r0, #16]\n\t"
      "ldr lr, [r0, #12]\n\t"
      "ldr r12, [r0, #24]\n\t"
      "cmp r11, #0\n\t"
      "beq 3f\n\t"
      "sub r12, r12, r11, lsl #2\n"
      "1:\n\t"
      "mov r10, r11\n"
      "2:\n\t"
      "adds r7, r1, r3\n\t"
      "ldr r5, [r1]\n\t"
      "ldr r6, [r1, r2]\n\t"
      "ldr r8, [r7, r2]\n\t"
      "ldr r7, [r7]\n\t"
      "sxtb16 r9, r5\n\t"
      "str r9, [r4]\n\t"
      "sxtb16 r9, r6\n\t"
      "str r9, [r4, #4]\n\t"
      "sxtb16 r9, r7\n\t"
      "str r9, [r4, #8]\n\t"
      "sxtb16 r9, r8\n\t"
      "str r9, [r4, #12]\n\t"
      "sxtb16 r5, r5, ror #8\n\t"
      "str r5, [r4, #16]\n\t"
      "sxtb16 r6, r6, ror #8\n\t"
      "str r6, [r4, #20]\n\t"
      "sxtb16 r7, r7, ror #8\n\t"
      "str r7, [r4, #24]\n\t"
      "sxtb16 r8, r8, ror #8\n\t"
      "str r8, [r4, #28]\n\t"
      "adds r1, r1, #4\n\t"
      "adds r4, r4, #32\n\t"
      "subs r10, r10, #1\n\t"
      "bgt 2b\n\t"
      "add r1, r1, r12\n\t"
      "subs lr, lr, #1\n\t"
      "bgt 1b\n"
      "3:\n\t"
      "ldr r5, [r0, #20]\n\t"
      "ldr r1, [sp]\n\t"
      "ldr r12, [r0, #24]\n\t"
      "ldr lr, [r0, #12]\n\t"
      "cmp r5, #0\n\t"
      "beq 5f\n\t"
      "add r1, r1, r11, lsl #2\n"
      "4:\n\t"
      "add r9, r1, r3\n\t"
      "ldrsb r5, [r1]\n\t"
      "ldrsb r6, [r1, r2]\n\t"
      "ldrsb r7, [r9]\n\t"
      "ldrsb r8, [r9, r2]\n\t"
      "subs lr, lr, #2\n\t"
      "blt 6f\n\t"
      "add r1, r1, r12\n\t"
      "add r9, r9, r12\n\t"
      "ldrsb r10, [r1]\n\t"
      "ldrsb r11, [r1, r2]\n\t"
      "add r1, r1, r12\n\t"
      "pkhbt r5, r5, r10, lsl #16\n\t"
      "pkhbt r6, r6, r11, lsl #16\n\t"
      "ldrsb r10, [r9]\n\t"
      "ldrsb r11, [r9, r2]\n\t"
      "pkhbt r7, r7, r10, lsl #16\n\t"
      "pkhbt r8, r8, r11, lsl #16\n"
      "6:\n\t"
      "stm r4!, {r5, r6, r7, r8}\n\t"
      "bgt 4b\n"
      "5:\n\t"
      "pop {r1, r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
#else
  const int32_t right = s->right;
  const int32_t down = s->down;
  const int32_t back = s->step - 4 * s->groups;
  const int8_t *row = at;
  tg_u32 *to = s->columns;
  TG_COMPACT
  for (int32_t y = s->groups > 0 ? s->rows : 0; y > 0; y--) {
    int32_t i = s->groups;
    TG_COMPACT
    do {
      const int8_t *below = row + down;
      const uint32_t bytes0 = tg_load4(row);
      const uint32_t bytes1 = tg_load4(row + right);
      const uint32_t bytes2 = tg_load4(below);
      const uint32_t bytes3 = tg_load4(below + right);
      to[0] = tg_even(bytes0);
      to[1] = tg_even(bytes1);
      to[2] = tg_even(bytes2);
      to[3] = tg_even(bytes3);
      to[4] = tg_odd(bytes0);
      to[5] = tg_odd(bytes1);
      to[6] = tg_odd(bytes2);
      to[7] = tg_odd(bytes3);
      to += 8;
      row += 4;
    } while (--i > 0);
    row += back;
  }
  row = at + 4 * s->groups;
  TG_COMPACT
  for (int32_t y = s->end ? s->rows : 0; y > 0; y -= 2) {
    TG_COMPACT
    for (int32_t pixel = 0; pixel < 4; pixel++) {
      const int8_t *last = row + ((pixel & 1 ? right : 0) + (pixel & 2 ? down : 0));
      *to++ = tg_pack_halfwords(*last, y > 1 ? last[s->step] : 0);
    }
    row += 2 * s->step;
  }
#endif
}

/* Of two pixels: sums of the one channel and of the other. */
typedef struct {
  uint32_t first0;
  uint32_t first1;
  uint32_t second0;
  uint32_t second1;
} tg_dsp_windows_sums;

TG_INLINE tg_dsp_windows_sums tg_dsp_windows_add(tg_dsp_windows_sums s, uint32_t x0, uint32_t x1, uint32_t first,
                                                 uint32_t second) {
  s.first0 = tg_dot2(x0, first, s.first0);
  s.second0 = tg_dot2(x0, second, s.second0);
  s.first1 = tg_dot2(x1, first, s.first1);
  s.second1 = tg_dot2(x1, second, s.second1);
  return s;
}

/* Columns of a pixel and the one after the next, whose first words x points to, times two channels' filter, which begins
 * with their biases, a word of each in turn. That many sums, pointers and words fit the registers. The biases come last:
 * where two sums begin with the same number, gcc copies them in each turn. For the M7 words are loaded before those before
 * them are multiplied. */
TG_INLINE tg_dsp_windows_sums tg_dsp_windows_of_two(const tg_u32 *x, int32_t words, const tg_u32 *filter) {
  const tg_u32 *const bias = filter;
  tg_dsp_windows_sums s = {0, 0, 0, 0};
  if (words & 1) {
    s = tg_dsp_windows_add(s, x[0], x[2], filter[2], filter[3]);
    x += 4;
    filter += 2;
  }
  const tg_u32 *const end = x + 4 * (words & ~1);
  TG_COMPACT
  while (x != end) {
#if TG_DUAL_ISSUE
    const uint32_t first = filter[2];
    const uint32_t x0 = x[0];
    const uint32_t x1 = x[2];
    const uint32_t second = filter[3];
    const uint32_t next_first = filter[4];
    const uint32_t next0 = x[4];
    const uint32_t next1 = x[6];
    const uint32_t next_second = filter[5];
    s = tg_dsp_windows_add(s, x0, x1, first, second);
    s = tg_dsp_windows_add(s, next0, next1, next_first, next_second);
#else
    s = tg_dsp_windows_add(s, x[0], x[2], filter[2], filter[3]);
    s = tg_dsp_windows_add(s, x[4], x[6], filter[4], filter[5]);
#endif
    x += 8;
    filter += 4;
  }
  s.first0 += bias[0];
  s.first1 += bias[0];
  s.second0 += bias[1];
  s.second1 += bias[1];
  return s;
}

/* The largest sum of four pixels, for both channels. */
TG_INLINE void tg_dsp_windows_largest(const tg_u32 *x, int32_t words, const tg_u32 *filter, tg_i32 *largest) {
  largest[0] = INT32_MIN;
  largest[1] = INT32_MIN;
  TG_COMPACT
  for (int32_t i = 2; i > 0; i--) {
    const tg_dsp_windows_sums s = tg_dsp_windows_of_two(x++, words, filter);
    largest[0] = tg_max(largest[0], tg_max((int32_t)s.first0, (int32_t)s.first1));
    largest[1] = tg_max(largest[1], tg_max((int32_t)s.second0, (int32_t)s.second1));
  }
}

/* What the four windows cover; bytes hold it where some of it lies outside the image. */
typedef struct {
  int32_t in_h;
  int32_t row; /* bytes of the image's */
  int32_t height;
  int32_t width; /* in bytes */
  uint32_t outside; /* the input's offset, in all four bytes */
  int8_t *bytes;
} tg_dsp_strip;

/* The strip whose first byte is in row top at byte left, which may lie outside. Returns where its bytes are. */
static TG_SMALL TG_APART const int8_t *tg_dsp_strip_copy(tg_dsp_strip *s, const int8_t *image, int32_t top,
                                                         int32_t left) {
  const int32_t before = left < 0 ? -left : 0;
  const int32_t room = s->row - left < s->width ? s->row - left : s->width;
  int8_t *to = s->bytes + before;
  tg_dsp_set(s->bytes, s->height * s->width, s->outside);
  TG_COMPACT
  for (int32_t y = top; y < top + s->height; y++) {
    if (y >= 0 && y < s->in_h && room > before) {
      tg_dsp_copy(to, image + (y * s->row + left + before), room - before);
    }
    to += s->width;
  }
  return s->bytes;
}

#endif
