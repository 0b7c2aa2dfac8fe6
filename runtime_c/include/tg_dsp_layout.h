/* How the inputs of four pixels of a convolution are laid out as columns for tg_dsp_pairs.h and tg_dsp_tile.h. */
#ifndef TG_DSP_LAYOUT_H
#define TG_DSP_LAYOUT_H

#include <stdint.h>

#include "tg_dsp.h"

/* How the taps of a window are laid out. In the columns each row of the window begins with a group of its own,
 * but for TG_DSP_FLAT. */
enum {
  TG_DSP_ROWS,  /* row by row */
  TG_DSP_WORDS, /* word by word, in_c being a multiple of four */
  TG_DSP_POINTWISE, /* TG_DSP_WORDS, where the pixels of the output are those of the input */
  TG_DSP_FLAT /* all rows one after the other, where that takes fewer groups */
};

/* Rows of the image from which whole groups may be read: but for words, reading goes on after a window's row, and after
 * the image's last row nothing is. */
#define TG_DSP_DIRECT(p) (((p)->in_c & 3) == 0 ? (p)->in_h : (p)->in_w * (p)->in_c >= 4 ? (p)->in_h - 1 : 0)

/* Groups of a window. */
#define TG_DSP_GROUPS_OF(p)                                                                          \
  ((p)->layout == TG_DSP_FLAT ? ((p)->kernel_h * (p)->kernel_w * (p)->in_c + 3) >> 2                 \
                              : (p)->kernel_h * (((p)->kernel_w * (p)->in_c + 3) >> 2))

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

#if TG_HAS_DSP
/* The halfwords of four bytes to their places in two columns, and to the sum. */
#define TG_DSP_PUT(bytes, even, odd)            \
  "sxtb16 %[odd], " bytes ", ror #8\n\t"        \
  "sxtb16 " bytes ", " bytes "\n\t"             \
  "str %[odd], [%[to], #" odd "]\n\t"           \
  "smlad %[sum], %[odd], %[ones], %[sum]\n\t"   \
  "str " bytes ", [%[to]" even "\n\t"           \
  "smlad %[sum], " bytes ", %[ones], %[sum]\n\t"
#endif

/* groups times four bytes: 9 cycles each on the M4. */
TG_INLINE uint32_t tg_dsp_expand_here(const int8_t *from, tg_u32 *to, int32_t groups, uint32_t sum) {
#if TG_HAS_DSP
  if (groups >= 2) {
    uint32_t first;
    uint32_t second;
    uint32_t odd;
    groups -= 2;
    __asm__ volatile(
        ".syntax unified\n\t"
        ".p2align 2\n"
        "1:\n\t"
        "ldr %[second], [%[from], #4]\n\t"
        "ldr %[first], [%[from]], #8\n\t"
        TG_DSP_PUT("%[second]", ", #32]", "48")
        "subs %[groups], %[groups], #2\n\t"
        TG_DSP_PUT("%[first]", "], #64", "16")
        "bpl 1b\n\t"
        : [from] "+r"(from), [to] "+r"(to), [groups] "+r"(groups), [sum] "+r"(sum), [first] "=&r"(first),
          [second] "=&r"(second), [odd] "=&r"(odd)
        : [ones] "r"(0x10001u)
        : "cc", "memory");
  }
#else
  TG_COMPACT
  for (; groups >= 2; groups -= 2) {
    sum = tg_dsp_put(tg_load4(from + 4), to + 8, tg_dsp_put(tg_load4(from), to, sum));
    from += 8;
    to += 16;
  }
#endif
  return groups & 1 ? tg_dsp_put(tg_load4(from), to, sum) : sum;
}

static TG_APART uint32_t tg_dsp_expand(const int8_t *from, tg_u32 *to, int32_t groups, uint32_t sum) {
  return tg_dsp_expand_here(from, to, groups, sum);
}

/* count pixels that lie side by side in the image, and their sums. from_end: how many words of the first group, those of
 * pixels 0 and 1 or none, lie after all others instead of before them: columns take 32 bytes a group in all. */
static TG_APART void tg_dsp_side_by_side(const int8_t *from, tg_u32 *columns, int32_t groups, int32_t count,
                                         int32_t from_end, tg_u32 *sums) {
  TG_COMPACT
  for (int32_t pixel = 0; pixel < count; pixel++) {
    const int8_t *first = from;
    int32_t begin = pixel - from_end;
    int32_t rest = groups;
    uint32_t sum = 0;
    if (begin < 0) {
      const uint32_t bytes = tg_load4(from);
      const uint32_t even = tg_even(bytes);
      const uint32_t odd = tg_odd(bytes);
      columns[begin + 8 * groups] = even;
      columns[begin + 4] = odd;
      sum = tg_dot2(odd, 0x10001u, tg_dot2(even, 0x10001u, 0));
      first += 4;
      begin += 8;
      rest--;
    }
    sums[pixel] = tg_dsp_expand_here(first, columns + begin, rest, sum);
    from += 4 * groups;
  }
}

/* Of other pixels, the first two words again after the last. */
static inline void tg_dsp_repeat(tg_u32 *columns, int32_t groups) {
  columns[8 * groups] = columns[0];
  columns[8 * groups + 1] = columns[1];
}

/* Where tiles are read first: the columns, or the first two words after them. */
TG_INLINE const tg_u32 *tg_dsp_columns(const tg_dsp_sizes *s, int32_t groups, int32_t from_end) {
  const int32_t missing = s->layout == TG_DSP_POINTWISE ? from_end : 0;
  return s->columns + (from_end ? 8 * groups - missing : 0);
}

/* A window by its first row, and which of its columns lie inside the image; none if inside is not positive. */
typedef struct {
  int32_t top;
  int32_t begin;
  int32_t inside;
} tg_dsp_window;

/* first: column `begin` of the window in the image's first row. Bytes of a group after its row do not matter: their
 * weights are zero. */
static inline uint32_t tg_dsp_long_rows(const tg_dsp_sizes *s, const int8_t *first, const tg_dsp_window *at,
                                        tg_u32 *to) {
  const int32_t in_c = s->in_c;
  const int32_t groups = (s->kernel_w * in_c + 3) >> 2;
  const int32_t direct = at->inside == s->kernel_w ? s->direct : 0;
  const int32_t in_h = at->inside > 0 ? s->in_h : 0;
  uint32_t sum = 0;
  TG_COMPACT
  for (int32_t y = at->top; y < at->top + s->kernel_h; y++) {
    const int is_inside = y >= 0 && y < in_h;
    const int8_t *row = s->line;
    if (is_inside && y < direct) {
      row = first + y * s->in_w * in_c;
    } else {
      int8_t *line = s->line;
      if (is_inside) {
        line = tg_dsp_set(line, at->begin * in_c, s->outside);
        line = tg_dsp_copy(line, first + y * s->in_w * in_c, at->inside * in_c);
      }
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

static inline int32_t tg_dsp_between(int32_t x, int32_t most) { return x < 0 ? 0 : x < most ? x : most; }

/* All rows of the window, gathered in the line of bytes. Up to three bytes after the last do not matter. */
static inline uint32_t tg_dsp_flat(const tg_dsp_sizes *s, const int8_t *image, int32_t top, int32_t left, tg_u32 *to) {
  const int32_t in_c = s->in_c;
  const int32_t width = s->kernel_w * in_c;
  const int32_t step = s->in_w * in_c;
  const int32_t begin = tg_dsp_between(-left, s->kernel_w);
  const int32_t inside = tg_dsp_between(s->in_w - left, s->kernel_w) - begin;
  const int32_t direct = inside == s->kernel_w ? s->direct : 0;
  const int32_t first = (left + begin) * in_c;
  int8_t *line = s->line;
  TG_COMPACT
  for (int32_t y = top, end = top + s->kernel_h; y < end; y++) {
    if (y >= 0 && y < direct) {
      const int8_t *row = image + (y * step + first);
      TG_COMPACT
      for (int32_t i = 0; i < width; i += 4) {
        tg_store4(line + i, tg_load4(row + i));
      }
      line += width;
    } else if (y >= 0 && y < s->in_h && inside > 0) {
      line = tg_dsp_set(line, begin * in_c, s->outside);
      line = tg_dsp_copy(line, image + (y * step + first), inside * in_c);
      line = tg_dsp_set(line, width - (begin + inside) * in_c, s->outside);
    } else {
      line = tg_dsp_set(line, width, s->outside);
    }
  }
  return tg_dsp_expand(s->line, to, (s->kernel_h * width + 3) >> 2, 0);
}

/* Lays out the window whose first row and column, which may be outside the image, are top and left. Returns the sum of
 * its inputs, those outside included. */
static TG_SMALL TG_APART int32_t tg_dsp_lay_out(const tg_dsp_sizes *s, const int8_t *image, int32_t top, int32_t left,
                                                int32_t pixel) {
  tg_u32 *to = s->columns + pixel;
  if (s->layout == TG_DSP_FLAT) {
    return (int32_t)tg_dsp_flat(s, image, top, left, to);
  }
  if (top >= 0 && left >= 0 && top + s->kernel_h <= s->direct && left + s->kernel_w <= s->in_w) {
    const int32_t step = s->in_w * s->in_c;
    const int32_t groups = (s->kernel_w * s->in_c + 3) >> 2;
    const int8_t *row = image + (top * step + left * s->in_c);
    uint32_t sum = 0;
    TG_COMPACT
    for (int32_t rows = s->kernel_h; rows > 0; rows--) {
      sum = tg_dsp_expand_here(row, to, groups, sum);
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
