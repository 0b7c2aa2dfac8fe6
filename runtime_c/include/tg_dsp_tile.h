/* Four pixels of a convolution at once, two products an instruction.
 *
 * Columns: the inputs of four pixels as 16-bit numbers. Each group of four taps is eight words: taps {0, 2} of pixels 0 to
 * 3, then taps {1, 3} of them, as SXTB16 takes bytes apart. A window of other than a multiple of four taps ends in zeros.
 *
 * Filters: for each pair of channels and each group, four bytes of the one and four of the other; a weight is its byte
 * minus the filter's offset, and what that adds to a sum is known from the sum of the pixel's inputs. Behind the filter
 * lie TG_DSP_AHEAD more bytes, behind the columns two more words: the next ones are read before the last are used. */
#ifndef TG_DSP_TILE_H
#define TG_DSP_TILE_H

#include <stdint.h>

#include "tg_dsp.h"

#define TG_DSP_AHEAD 8

/* sums[0 .. 3] and [4 .. 7]: of channels 0 and 1 for pixels 0 to 3: bias + offset * inputs + products. w: the pair's
 * filters; bias, offsets: of the two channels; inputs: the sum of each pixel's inputs. */
#if TG_HAS_DSP

/* On the M7, which multiplies once a cycle and has one more slot for another instruction, 9 cycles for 16 products of
 * pairs: one cycle waits for weights. */
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

static inline void tg_dsp_dot(const uint32_t *x, const int8_t *w, int32_t groups, const int32_t *bias,
                              const int32_t *offsets, const int32_t *inputs, int32_t *sums) {
  register const uint32_t *r0 __asm__("r0") = x;
  register const int8_t *r1 __asm__("r1") = w;
  register int32_t r2 __asm__("r2") = groups;
  register const int32_t *r3 __asm__("r3") = bias;
  register const int32_t *r4 __asm__("r4") = offsets;
  register const int32_t *r5 __asm__("r5") = inputs;
  register int32_t *r6 __asm__("r6") = sums;
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
      "1:\n\t"
      TG_DSP_HALF("8", "12", "16", "", "0", ", ror #8", "", "")
      "ldr lr, [r1, #4]\n\t"
      "sxtb16 r12, r12, ror #8\n\t"
      "ldr r11, [r0, #20]\n\t"
      TG_DSP_HALF("24", "28", "32", ", ror #8", "8", "", "", "")
      "ldr lr, [r1, #12]\n\t"
      "sxtb16 r12, r12\n\t"
      "ldr r11, [r0, #36]\n"
      "2:\n\t"
      TG_DSP_HALF("40", "44", "48", "", "8", ", ror #8", "", "")
      "ldr lr, [r1, #12]\n\t"
      "sxtb16 r12, r12, ror #8\n\t"
      "ldr r11, [r0, #52]\n\t"
      TG_DSP_HALF("56", "60", "0", ", ror #8", "0", "", "adds r1, r1, #16\n\t", "adds r0, r0, #64\n\t")
      "ldr r11, [sp]\n\t"
      "sxtb16 r12, r12\n\t"
      "ldr lr, [r1, #4]\n\t"
      "cmp r0, r11\n\t"
      "ldr r11, [r0, #4]\n\t"
      "bne 1b\n\t"
      "pop {r0, r1, r10}\n\t"
      "stm r1, {r2, r3, r4, r5, r6, r7, r8, r9}\n\t"
      "mov r7, r10\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
      :
      : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static inline void tg_dsp_dot(const uint32_t *x, const int8_t *w, int32_t groups, const int32_t *bias,
                              const int32_t *offsets, const int32_t *inputs, int32_t *sums) {
  for (int32_t channel = 0; channel < 2; channel++) {
    for (int32_t pixel = 0; pixel < 4; pixel++) {
      uint32_t sum = (uint32_t)bias[channel] + (uint32_t)offsets[channel] * (uint32_t)inputs[pixel];
      for (int32_t group = 0; group < groups; group++) {
        const uint32_t weights = tg_load4(w + 8 * group + 4 * channel);
        sum = tg_dot2(x[8 * group + pixel], tg_even(weights), sum);
        sum = tg_dot2(x[8 * group + 4 + pixel], tg_odd(weights), sum);
      }
      sums[4 * channel + pixel] = (int32_t)sum;
    }
  }
}

#endif

/* A convolution's sizes and where its columns are laid out; outside: the input's offset. */
typedef struct {
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t outside;
  uint32_t *columns;
  int8_t *line; /* for one window, where in_c is no multiple of four */
} tg_dsp_sizes;

/* Columns of one pixel as they are being laid out: the next word, the sum of what lies there. */
typedef struct {
  uint32_t *next;
  uint32_t sum;
} tg_dsp_column;

static inline int32_t tg_dsp_groups(const tg_dsp_sizes *s) { return (s->kernel_h * s->kernel_w * s->in_c + 3) >> 2; }

static inline void tg_dsp_put(tg_dsp_column *column, uint32_t bytes) {
  const uint32_t even = tg_even(bytes);
  const uint32_t odd = tg_odd(bytes);
  column->next[0] = even;
  column->next[4] = odd;
  column->sum = tg_dot2(odd, 0x10001u, tg_dot2(even, 0x10001u, column->sum));
  column->next += 8;
}

/* groups times four bytes. */
static tg_dsp_column tg_dsp_expand(tg_dsp_column column, const int8_t *from, int32_t groups) {
  for (; groups >= 2; groups -= 2) {
    const uint32_t first = tg_load4(from);
    const uint32_t second = tg_load4(from + 4);
    tg_dsp_put(&column, first);
    tg_dsp_put(&column, second);
    from += 8;
  }
  if (groups) {
    tg_dsp_put(&column, tg_load4(from));
  }
  return column;
}

/* groups times the same four bytes. */
static tg_dsp_column tg_dsp_repeat(tg_dsp_column column, uint32_t bytes, int32_t groups) {
  for (; groups > 0; groups--) {
    tg_dsp_put(&column, bytes);
  }
  return column;
}

/* count bytes of one value. */
static inline int8_t *tg_dsp_set(int8_t *to, int32_t count, int32_t value) {
  for (; count > 0; count--) {
    *to++ = (int8_t)value;
  }
  return to;
}

static inline int8_t *tg_dsp_copy(int8_t *to, const int8_t *from, int32_t count) {
  for (; count >= 4; count -= 4) {
    tg_store4(to, tg_load4(from));
    from += 4;
    to += 4;
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
  return to;
}

/* Lays out the window whose first row and column, which may be outside the image, are top and left. Returns the sum of
 * its inputs, those outside included. */
static int32_t tg_dsp_lay_out(const tg_dsp_sizes *s, const int8_t *image, int32_t top, int32_t left, int32_t pixel) {
  const int32_t width = s->kernel_w;
  const int32_t begin = left < 0 ? (-left < width ? -left : width) : 0;
  const int32_t room = s->in_w - left < width ? s->in_w - left : width;
  const int32_t inside = room > begin ? room - begin : 0;
  const int32_t behind = width - begin - inside;
  const int32_t in_c = s->in_c;
  const uint32_t outside = 0x1010101u * (uint8_t)s->outside;
  tg_dsp_column column = {s->columns + pixel, 0};
  int8_t *line = s->line;
  for (int32_t y = top; y < top + s->kernel_h; y++) {
    const int32_t is_row = y >= 0 && y < s->in_h && inside;
    const int8_t *from = image + (is_row ? (y * s->in_w + left + begin) * in_c : 0);
    if (in_c & 3) {
      if (is_row) {
        line = tg_dsp_set(line, begin * in_c, s->outside);
        line = tg_dsp_copy(line, from, inside * in_c);
        line = tg_dsp_set(line, behind * in_c, s->outside);
      } else {
        line = tg_dsp_set(line, width * in_c, s->outside);
      }
    } else if (!is_row) {
      column = tg_dsp_repeat(column, outside, width * in_c >> 2);
    } else if (inside == width) {
      column = tg_dsp_expand(column, from, width * in_c >> 2);
    } else {
      column = tg_dsp_repeat(column, outside, begin * in_c >> 2);
      column = tg_dsp_expand(column, from, inside * in_c >> 2);
      column = tg_dsp_repeat(column, outside, behind * in_c >> 2);
    }
  }
  if (in_c & 3) {
    tg_dsp_set(line, 3, 0);
    column = tg_dsp_expand(column, s->line, tg_dsp_groups(s));
  }
  return (int32_t)column.sum;
}

#endif
