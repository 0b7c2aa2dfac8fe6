/* Four pixels of a convolution at once, two products an instruction.
 *
 * Columns: the inputs of four pixels as 16-bit numbers. Each group of four taps is eight words: taps {0, 2} of pixels 0
 * to 3, then taps {1, 3} of them, as SXTB16 takes bytes apart. Where groups are filled up, weights are zero.
 *
 * Filters: for each pair of channels and each group, four bytes of the one and four of the other; a weight is its byte
 * minus the filter's offset, and what that adds to a sum is known from the sum of the pixel's inputs. After the filter
 * lie TG_DSP_AHEAD more bytes, after the columns two more words: the next ones are read before the last are used. */
#ifndef TG_DSP_TILE_H
#define TG_DSP_TILE_H

#include <stdint.h>

#include "tg_dsp.h"

#define TG_DSP_AHEAD 8

/* sums[0 .. 3] and [4 .. 7]: of channels 0 and 1 for pixels 0 to 3: bias + offset * inputs + products. w: the pair's
 * filters; bias, offsets: of the two channels; inputs: the sum of each pixel's inputs. */
#if TG_HAS_DSP

/* Half of the taps of a group. On the M7, which multiplies once a cycle and has one more slot for another instruction,
 * 9 cycles for 16 products: one cycle waits for weights. On the M4 18, 8 of them for 6 loads. */
#if TG_DUAL_ISSUE
#define TG_DSP_HALF(x2, x3, next_x, rotation, next_w, next_rotation, slot1, slot2) \
  "smlad r2, r10, r12, r2\n\t"                                                     \
  "sxtb16 lr, lr" rotation "\n\t"                                                  \
  "smlad r6, r10, lr, r6\n\t"                                                      \
  "ldr r10, [r0, #" x2 "]\n\t"                                                     \
  "smlad r3, r11, r12, r3\n\t" slot1                                               \
  "smlad r7, r11, lr, r7\n\t"                                                      \
  "ldr r11, [r0, #" x3 "]\n\t"                                                     \
  "smlad r4, r10, r12, r4\n\t" slot2                                               \
  "smlad r8, r10, lr, r8\n\t"                                                      \
  "ldr r10, [r0, #" next_x "]\n\t"                                                 \
  "smlad r5, r11, r12, r5\n\t"                                                     \
  "ldr r12, [r1, #" next_w "]\n\t"                                                 \
  "smlad r9, r11, lr, r9\n\t"
#else
#define TG_DSP_HALF(x2, x3, next_x, rotation, next_w, next_rotation, slot1, slot2) \
  "sxtb16 lr, lr" rotation "\n\t"                                                  \
  "smlad r2, r10, r12, r2\n\t"                                                     \
  "smlad r6, r10, lr, r6\n\t"                                                      \
  "smlad r3, r11, r12, r3\n\t"                                                     \
  "smlad r7, r11, lr, r7\n\t"                                                      \
  "ldr r10, [r0, #" x2 "]\n\t"                                                     \
  "ldr r11, [r0, #" x3 "]\n\t"                                                     \
  slot1 slot2                                                                      \
  "smlad r4, r10, r12, r4\n\t"                                                     \
  "smlad r8, r10, lr, r8\n\t"                                                      \
  "smlad r5, r11, r12, r5\n\t"                                                     \
  "smlad r9, r11, lr, r9\n\t"                                                      \
  "ldr r10, [r0, #" next_x "]\n\t"                                                 \
  "ldr r12, [r1, #" next_w "]\n\t"
#endif

/* All groups of four taps, of which the first is in registers and the columns' end on the stack; entered at 1, or, with an
 * odd number of groups, at 2 with pointers half a turn back. r0: columns, r1: filters, r2 to r9: sums. */
#define TG_DSP_GROUPS                                                                                 \
  "1:\n\t"                                                                                            \
  TG_DSP_HALF("8", "12", "16", "", "0", ", ror #8", "", "")                                           \
  "ldr lr, [r1, #4]\n\t"                                                                              \
  "ldr r11, [r0, #20]\n\t"                                                                            \
  "sxtb16 r12, r12, ror #8\n\t"                                                                       \
  TG_DSP_HALF("24", "28", "32", ", ror #8", "8", "", "", "")                                          \
  "ldr lr, [r1, #12]\n\t"                                                                             \
  "ldr r11, [r0, #36]\n\t"                                                                            \
  "sxtb16 r12, r12\n"                                                                                 \
  "2:\n\t"                                                                                            \
  TG_DSP_HALF("40", "44", "48", "", "8", ", ror #8", "", "")                                          \
  "ldr lr, [r1, #12]\n\t"                                                                             \
  "ldr r11, [r0, #52]\n\t"                                                                            \
  "sxtb16 r12, r12, ror #8\n\t"                                                                       \
  TG_DSP_HALF("56", "60", "0", ", ror #8", "0", "", "adds r1, r1, #16\n\t", "adds r0, r0, #64\n\t")   \
  "ldr r11, [sp]\n\t"                                                                                 \
  "ldr lr, [r1, #4]\n\t"                                                                              \
  "sxtb16 r12, r12\n\t"                                                                               \
  "cmp r0, r11\n\t"                                                                                   \
  "ldr r11, [r0, #4]\n\t"                                                                             \
  "bne 1b\n\t"

static inline void tg_dsp_dot(const tg_u32 *x, const int8_t *w, int32_t groups, const tg_i32 *bias,
                              const tg_i32 *offsets, const tg_i32 *inputs, tg_i32 *sums) {
  register const tg_u32 *r0 __asm__("r0") = x;
  register const int8_t *r1 __asm__("r1") = w;
  register int32_t r2 __asm__("r2") = groups;
  register const tg_i32 *r3 __asm__("r3") = bias;
  register const tg_i32 *r4 __asm__("r4") = offsets;
  register const tg_i32 *r5 __asm__("r5") = inputs;
  register tg_i32 *r6 __asm__("r6") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r9, r7\n\t"
      "mov r8, r6\n\t"
      "add r7, r0, r2, lsl #5\n\t" /* the columns' end */
      "push {r7, r8, r9}\n\t"
      "lsls r2, r2, #31\n\t" /* zero: an even number of groups */
      "ldrd r10, r11, [r3]\n\t"
      "ldrd r12, lr, [r4]\n\t"
      "ldm r5, {r6, r7, r8, r9}\n\t"
      "mla r2, r6, r12, r10\n\t"
      "mla r3, r7, r12, r10\n\t"
      "mla r4, r8, r12, r10\n\t"
      "mla r5, r9, r12, r10\n\t"
      "mla r6, r6, lr, r11\n\t"
      "mla r7, r7, lr, r11\n\t"
      "mla r8, r8, lr, r11\n\t"
      "mla r9, r9, lr, r11\n\t"
      "ldr r12, [r1]\n\t"
      "ldr r10, [r0]\n\t"
      "ldr lr, [r1, #4]\n\t"
      "ldr r11, [r0, #4]\n\t"
      "sxtb16 r12, r12\n\t"
      "beq 1f\n\t"
      "subs r0, r0, #32\n\t"
      "subs r1, r1, #8\n\t"
      "b 2f\n"
      ".p2align 2\n"
      TG_DSP_GROUPS
      "pop {r0, r1, r10}\n\t"
      "stm r1, {r2, r3, r4, r5, r6, r7, r8, r9}\n\t"
      "mov r7, r10\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
      :
      : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static inline void tg_dsp_dot(const tg_u32 *x, const int8_t *w, int32_t groups, const tg_i32 *bias,
                              const tg_i32 *offsets, const tg_i32 *inputs, tg_i32 *sums) {
  uint32_t sum0 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[0];
  uint32_t sum1 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[1];
  uint32_t sum2 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[2];
  uint32_t sum3 = (uint32_t)bias[0] + (uint32_t)offsets[0] * (uint32_t)inputs[3];
  uint32_t sum4 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[0];
  uint32_t sum5 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[1];
  uint32_t sum6 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[2];
  uint32_t sum7 = (uint32_t)bias[1] + (uint32_t)offsets[1] * (uint32_t)inputs[3];
  for (; groups > 0; groups--) {
    const uint32_t first = tg_load4(w);
    const uint32_t second = tg_load4(w + 4);
    uint32_t of_first = tg_even(first);
    uint32_t of_second = tg_even(second);
    sum0 = tg_dot2(x[0], of_first, sum0);
    sum4 = tg_dot2(x[0], of_second, sum4);
    sum1 = tg_dot2(x[1], of_first, sum1);
    sum5 = tg_dot2(x[1], of_second, sum5);
    sum2 = tg_dot2(x[2], of_first, sum2);
    sum6 = tg_dot2(x[2], of_second, sum6);
    sum3 = tg_dot2(x[3], of_first, sum3);
    sum7 = tg_dot2(x[3], of_second, sum7);
    of_first = tg_odd(first);
    of_second = tg_odd(second);
    sum0 = tg_dot2(x[4], of_first, sum0);
    sum4 = tg_dot2(x[4], of_second, sum4);
    sum1 = tg_dot2(x[5], of_first, sum1);
    sum5 = tg_dot2(x[5], of_second, sum5);
    sum2 = tg_dot2(x[6], of_first, sum2);
    sum6 = tg_dot2(x[6], of_second, sum6);
    sum3 = tg_dot2(x[7], of_first, sum3);
    sum7 = tg_dot2(x[7], of_second, sum7);
    w += 8;
    x += 8;
  }
  sums[0] = (int32_t)sum0;
  sums[1] = (int32_t)sum1;
  sums[2] = (int32_t)sum2;
  sums[3] = (int32_t)sum3;
  sums[4] = (int32_t)sum4;
  sums[5] = (int32_t)sum5;
  sums[6] = (int32_t)sum6;
  sums[7] = (int32_t)sum7;
}

#endif

/* How the taps of a window are laid out. In the columns each row of the window begins with a group of its own. */
enum {
  TG_DSP_ROWS,  /* row by row */
  TG_DSP_WORDS, /* word by word, in_c being a multiple of four */
  TG_DSP_POINTWISE /* TG_DSP_WORDS, where the pixels of the output are those of the input */
};

/* Rows of the image from which whole groups may be read: but for words, reading goes on after a window's row, and after
 * the image's last row nothing is. */
#define TG_DSP_DIRECT(p) (((p)->in_c & 3) == 0 ? (p)->in_h : (p)->in_w * (p)->in_c >= 4 ? (p)->in_h - 1 : 0)

/* Groups of a window. */
#define TG_DSP_GROUPS_OF(p) ((p)->kernel_h * (((p)->kernel_w * (p)->in_c + 3) >> 2))

/* A convolution's sizes and where its columns are laid out; outside: the input's offset, in all four bytes. */
typedef struct {
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t layout;
  uint32_t outside;
  tg_u32 *columns;
  int8_t *line;
  int32_t direct; /* TG_DSP_DIRECT */
} tg_dsp_sizes;

/* Lays out four bytes, from one pixel's word of a group on; the sum with them. */
static inline uint32_t tg_dsp_put(uint32_t bytes, tg_u32 *to, uint32_t sum) {
  const uint32_t even = tg_even(bytes);
  const uint32_t odd = tg_odd(bytes);
  to[0] = even;
  to[4] = odd;
  return tg_dot2(odd, 0x10001u, tg_dot2(even, 0x10001u, sum));
}

/* groups times four bytes. */
static TG_APART uint32_t tg_dsp_expand(const int8_t *from, tg_u32 *to, int32_t groups, uint32_t sum) {
  TG_COMPACT
  for (; groups >= 2; groups -= 2) {
    const uint32_t first = tg_load4(from);
    const uint32_t second = tg_load4(from + 4);
    const uint32_t even = tg_even(first);
    const uint32_t odd = tg_odd(first);
    to[0] = even;
    sum = tg_dot2(even, 0x10001u, sum);
    to[4] = odd;
    sum = tg_dot2(odd, 0x10001u, sum);
    sum = tg_dsp_put(second, to + 8, sum);
    from += 8;
    to += 16;
  }
  return groups ? tg_dsp_put(tg_load4(from), to, sum) : sum;
}

/* A window by its first row, and which of its columns lie inside the image; none if inside is not positive. */
typedef struct {
  int32_t top;
  int32_t begin;
  int32_t inside;
} tg_dsp_window;

/* Row y of the window's inside, or 0 if there is none. */
static inline const int8_t *tg_dsp_row(const tg_dsp_sizes *s, const int8_t *first, int32_t y, int32_t inside) {
  return y >= 0 && y < s->in_h && inside > 0 ? first + y * s->in_w * s->in_c : 0;
}

/* first: column `begin` of the window in the image's first row. Bytes of a group after its row do not matter: their
 * weights are zero. */
static inline uint32_t tg_dsp_long_rows(const tg_dsp_sizes *s, const int8_t *first, const tg_dsp_window *at,
                                        tg_u32 *to) {
  const int32_t in_c = s->in_c;
  const int32_t groups = (s->kernel_w * in_c + 3) >> 2;
  const int32_t direct = at->inside == s->kernel_w ? s->direct : 0;
  uint32_t sum = 0;
  TG_COMPACT
  for (int32_t y = at->top; y < at->top + s->kernel_h; y++) {
    const int8_t *row = tg_dsp_row(s, first, y, at->inside);
    if (!row || y >= direct) {
      int8_t *line = s->line;
      if (row) {
        line = tg_dsp_set(line, at->begin * in_c, s->outside);
        line = tg_dsp_copy(line, row, at->inside * in_c);
      }
      row = s->line;
      tg_dsp_set(line, 4 * groups - (int32_t)(line - row), s->outside);
    }
    sum = tg_dsp_expand(row, to, groups, sum);
    to += 8 * groups;
  }
  return sum;
}

static inline uint32_t tg_dsp_words(const tg_dsp_sizes *s, const int8_t *first, const tg_dsp_window *at,
                                    tg_u32 *to) {
  const int32_t words = s->in_c >> 2;
  const uint32_t outside = s->outside;
  const int32_t begin = at->begin * words;
  const int32_t row_words = s->kernel_w * words;
  const int32_t end = at->inside > 0 ? begin + at->inside * words : 0;
  const int32_t in_h = at->inside > 0 ? s->in_h : 0;
  const int32_t step = s->in_w * s->in_c;
  int32_t place = at->top * step;
  uint32_t sum = 0;
  TG_COMPACT
  for (int32_t y = at->top, last = y + s->kernel_h; y < last; y++) {
    int32_t word = 0;
    if (y >= 0 && y < in_h) {
      TG_COMPACT
      for (; word < begin; word++) {
        sum = tg_dsp_put(outside, to, sum);
        to += 8;
      }
      if (end - begin > 4) {
        sum = tg_dsp_expand(first + place, to, end - begin, sum);
        to += 8 * (end - begin);
        word = end;
      }
      TG_COMPACT
      for (; word < end; word++) {
        sum = tg_dsp_put(tg_load4(first + place + 4 * (word - begin)), to, sum);
        to += 8;
      }
    }
    TG_COMPACT
    for (; word < row_words; word++) {
      sum = tg_dsp_put(outside, to, sum);
      to += 8;
    }
    place += step;
  }
  return sum;
}

/* Words of rows of up to four bytes, of which some may lie outside the image. */
typedef struct {
  const int8_t *first; /* the first byte inside, in the image's first row */
  int32_t step;
  int32_t in_h; /* 0 if no byte lies inside */
  int32_t bytes;
  uint32_t before;
  uint32_t keep;
  uint32_t outside;
} tg_dsp_rows;

/* Rows of `width` bytes of which the first is at column left of an image with one channel. */
static inline tg_dsp_rows tg_dsp_rows_at(const tg_dsp_sizes *s, const int8_t *image, int32_t left, int32_t width) {
  const int32_t begin = left < 0 ? -left : 0;
  const int32_t end = s->in_w * s->in_c - left < width ? s->in_w * s->in_c - left : width;
  const int32_t bytes = end - begin;
  tg_dsp_rows rows = {image, s->in_w * s->in_c, 0, bytes, 0, 0, s->outside};
  if (bytes > 0) {
    rows.first = image + (left + begin);
    rows.in_h = s->in_h;
    rows.before = (uint32_t)(8 * begin);
    rows.keep = (bytes < 4 ? (1u << 8 * bytes) - 1 : ~0u) << rows.before;
    rows.outside = s->outside;
  }
  return rows;
}

static inline uint32_t tg_dsp_row_word(const tg_dsp_rows *rows, int32_t y) {
  if (y < 0 || y >= rows->in_h) {
    return rows->outside;
  }
  const int8_t *from = rows->first + y * rows->step;
  /* Reading on after the row is fine but in the last one, after which the image ends: the next has four bytes. */
  const uint32_t word = y < rows->in_h - 1 ? tg_load4(from) : tg_load_some(from, rows->bytes);
  return ((word << rows->before) & rows->keep) | (rows->outside & ~rows->keep);
}

/* The window whose first row is top and whose first byte of a row is left. Bytes of a word that belong to no tap do not
 * matter: their weights are zero. */
static inline uint32_t tg_dsp_short_rows(const tg_dsp_sizes *s, const int8_t *image, int32_t top, int32_t left,
                                         tg_u32 *to) {
  const tg_dsp_rows rows = tg_dsp_rows_at(s, image, left, s->kernel_w * s->in_c);
  uint32_t sum = 0;
  TG_COMPACT
  for (int32_t y = top, end = top + s->kernel_h; y < end; y++) {
    sum = tg_dsp_put(tg_dsp_row_word(&rows, y), to, sum);
    to += 8;
  }
  return sum;
}

/* Lays out the window whose first row and column, which may be outside the image, are top and left. Returns the sum of
 * its inputs, those outside included. */
static TG_SMALL TG_APART int32_t tg_dsp_lay_out(const tg_dsp_sizes *s, const int8_t *image, int32_t top, int32_t left,
                                                int32_t pixel) {
  tg_u32 *to = s->columns + pixel;
  if (top >= 0 && left >= 0 && top + s->kernel_h <= s->direct && left + s->kernel_w <= s->in_w) {
    const int32_t step = s->in_w * s->in_c;
    const int32_t groups = (s->kernel_w * s->in_c + 3) >> 2;
    const int8_t *row = image + (top * step + left * s->in_c);
    uint32_t sum = 0;
    TG_COMPACT
    for (int32_t rows = s->kernel_h; rows > 0; rows--) {
      sum = tg_dsp_expand(row, to, groups, sum);
      row += step;
      to += 8 * groups;
    }
    return (int32_t)sum;
  }
  if (s->layout == TG_DSP_ROWS && s->kernel_w * s->in_c <= 4 && s->in_w * s->in_c >= 4) {
    return (int32_t)tg_dsp_short_rows(s, image, top, left * s->in_c, to);
  }
  const int32_t begin = left < 0 ? -left : 0;
  const int32_t room = s->in_w - left < s->kernel_w ? s->in_w - left : s->kernel_w;
  const tg_dsp_window at = {top, begin, room - begin};
  const int8_t *first = room > begin ? image + (left + begin) * s->in_c : image;
  if (s->layout == TG_DSP_ROWS) {
    return (int32_t)tg_dsp_long_rows(s, first, &at, to);
  }
  return (int32_t)tg_dsp_words(s, first, &at, to);
}

#endif
