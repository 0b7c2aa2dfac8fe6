/* Blocks of 2x2 outputs of a 3x3 window in the instructions of the DSP extension, for tg_depthwise_3x3_block_dsp_s8. */
#ifndef TG_DSP_BLOCK_H
#define TG_DSP_BLOCK_H

#include "tg_dsp.h"
#include "tg_numerics.h"

/* A row of words adds a row of weights (first, last) to the sums of a left and a right output. */
#define TG_BLOCK_ADD_FIRST(left, right, first, left_sum, right_sum) \
  "smlatb " right ", r12, " first ", " right_sum "\n\t"   \
  "smlad " left ", r12, " first ", " left_sum "\n\t"
#define TG_BLOCK_ADD_LAST(left, right, last)              \
  "smlabt " left ", lr, " last ", " left "\n\t" \
  "smlad " right ", lr, " last ", " right "\n\t"

/* A row of words to a left output alone. */
#define TG_BLOCK_LEFT_FIRST(left, right, first, left_sum, right_sum) "smlad " left ", r12, " first ", " left_sum "\n\t"
#define TG_BLOCK_LEFT_LAST(left, right, last) "smlabt " left ", lr, " last ", " left "\n\t"

/* A block, of whose sums the kernel's TG_BLOCK_END makes outputs. TG_BLOCK_LOAD_LAST and TG_BLOCK_COMPARE_LAST: whether it
 * is the last one, unless TG_BLOCK_END finds that out. r0: the strip's first of four rows, r1: output, r2 to r4:
 * (w0, w1) of each row, r5 to r7: (w1, w2). 62 cycles on the M4, 37 on the M7, which loads beside multiplications. */
#if TG_DUAL_ISSUE
#define TG_BLOCK_ROWS(first, last)        \
  "ldr r8, [sp]\n\t"                      \
  "ldr r12, [r0, #32]\n\t"                \
  "ldr lr, [r0, #48]\n\t"                 \
  TG_BLOCK_LOAD_LAST                      \
  first("r10", "r11", "r2", "r8", "r8")   \
  TG_BLOCK_COMPARE_LAST                   \
  first("r8", "r9", "r3", "r8", "r8")     \
  "ldr r12, [r0, #64]\n\t"                \
  last("r10", "r11", "r5")                \
  last("r8", "r9", "r6")                  \
  "ldr lr, [r0, #80]\n\t"                 \
  first("r8", "r9", "r4", "r8", "r9")     \
  first("r10", "r11", "r3", "r10", "r11") \
  "ldr r12, [r0, #96]\n\t"                \
  last("r8", "r9", "r7")                  \
  last("r10", "r11", "r6")                \
  "ldr lr, [r0, #112]\n\t"                \
  first("r10", "r11", "r4", "r10", "r11") \
  "ldr r12, [r0], #64\n\t"                \
  last("r10", "r11", "r7")                \
  "ldr lr, [r0, #-48]\n\t"                \
  first("r8", "r9", "r2", "r8", "r9")     \
  "ldr r12, [sp, #8]\n\t"                 \
  last("r8", "r9", "r5")                  \
  TG_BLOCK_END
#else
#define TG_BLOCK_ROWS(first, last)        \
  "ldr r8, [sp]\n\t"                      \
  TG_BLOCK_LOAD_LAST                      \
  "ldr r12, [r0, #32]\n\t"                \
  "ldr lr, [r0, #48]\n\t"                 \
  TG_BLOCK_COMPARE_LAST                   \
  first("r10", "r11", "r2", "r8", "r8")   \
  first("r8", "r9", "r3", "r8", "r8")     \
  last("r10", "r11", "r5")                \
  last("r8", "r9", "r6")                  \
  "ldr r12, [r0, #64]\n\t"                \
  "ldr lr, [r0, #80]\n\t"                 \
  first("r8", "r9", "r4", "r8", "r9")     \
  first("r10", "r11", "r3", "r10", "r11") \
  last("r8", "r9", "r7")                  \
  last("r10", "r11", "r6")                \
  "ldr r12, [r0, #96]\n\t"                \
  "ldr lr, [r0, #112]\n\t"                \
  first("r10", "r11", "r4", "r10", "r11") \
  last("r10", "r11", "r7")                \
  "ldr lr, [r0, #16]\n\t"                 \
  "ldr r12, [r0], #64\n\t"                \
  first("r8", "r9", "r2", "r8", "r9")     \
  last("r8", "r9", "r5")                  \
  "ldr r12, [sp, #8]\n\t"                 \
  TG_BLOCK_END
#endif
#define TG_BLOCK_2X2 TG_BLOCK_ROWS(TG_BLOCK_ADD_FIRST, TG_BLOCK_ADD_LAST)
/* The same where right outputs do not matter: 12 multiplications less. */
#define TG_BLOCK_2X1 TG_BLOCK_ROWS(TG_BLOCK_LEFT_FIRST, TG_BLOCK_LEFT_LAST)

/* A row of weights, of which r9 is minus the offset: bytes to (w0, w1) in their place, and to (w1, w2). */
#define TG_BLOCK_WEIGHTS(first, last)                 \
  "sxtab16 r8, r9, " first "\n\t"               \
  "sxtab16 " last ", r9, " first ", ror #8\n\t" \
  "pkhbt " first ", r8, " last ", lsl #16\n\t"  \
  "pkhbt " last ", " last ", r8\n\t"

/* The weights of a channel: (w0, w1) of each row, and (w1, w2). */
typedef struct {
  uint32_t first0;
  uint32_t first1;
  uint32_t first2;
  uint32_t last0;
  uint32_t last1;
  uint32_t last2;
} tg_dsp_block_weights;

typedef struct {
  uint32_t upper_left;
  uint32_t upper_right;
  uint32_t lower_left;
  uint32_t lower_right;
} tg_dsp_block_sums;

static inline uint32_t tg_dsp_block_first(uint32_t row, uint32_t minus_offset) {
  return tg_pack_halfwords((int32_t)tg_even_plus(minus_offset, row), (int32_t)tg_odd_plus(minus_offset, row));
}

static inline uint32_t tg_dsp_block_last(uint32_t row, uint32_t minus_offset) {
  return (tg_odd_plus(minus_offset, row) & 0xFFFFu) | (tg_even_plus(minus_offset, row) & 0xFFFF0000u);
}

TG_INLINE tg_dsp_block_weights tg_dsp_block_weights_of(const tg_u32 *rows, uint32_t minus_offset) {
  const tg_dsp_block_weights w = {
      tg_dsp_block_first(rows[0], minus_offset), tg_dsp_block_first(rows[1], minus_offset),
      tg_dsp_block_first(rows[2], minus_offset), tg_dsp_block_last(rows[0], minus_offset),
      tg_dsp_block_last(rows[1], minus_offset),  tg_dsp_block_last(rows[2], minus_offset)};
  return w;
}

/* A block in C, from the strip's words x of its channel on: in the order of the instructions above, each pair of words
 * adds to the sums of one or two rows of outputs. */
TG_INLINE tg_dsp_block_sums tg_dsp_block_of(const tg_dsp_block_weights *w, const tg_u32 *x, uint32_t bias) {
  uint32_t left = x[8];
  uint32_t right = x[12];
  uint32_t lower_left = tg_dot2(left, w->first0, bias);
  uint32_t upper_left = tg_dot2(left, w->first1, bias);
  uint32_t lower_right = tg_dot_low_high(w->first0, left, bias);
  uint32_t upper_right = tg_dot_low_high(w->first1, left, bias);
  left = x[16];
  lower_left = tg_dot_low_high(right, w->last0, lower_left);
  upper_left = tg_dot_low_high(right, w->last1, upper_left);
  lower_right = tg_dot2(right, w->last0, lower_right);
  upper_right = tg_dot2(right, w->last1, upper_right);
  right = x[20];
  lower_left = tg_dot2(left, w->first1, lower_left);
  upper_left = tg_dot2(left, w->first2, upper_left);
  lower_right = tg_dot_low_high(w->first1, left, lower_right);
  upper_right = tg_dot_low_high(w->first2, left, upper_right);
  left = x[24];
  lower_left = tg_dot_low_high(right, w->last1, lower_left);
  upper_left = tg_dot_low_high(right, w->last2, upper_left);
  lower_right = tg_dot2(right, w->last1, lower_right);
  upper_right = tg_dot2(right, w->last2, upper_right);
  right = x[28];
  lower_left = tg_dot2(left, w->first2, lower_left);
  lower_right = tg_dot_low_high(w->first2, left, lower_right);
  left = x[0];
  lower_left = tg_dot_low_high(right, w->last2, lower_left);
  lower_right = tg_dot2(right, w->last2, lower_right);
  right = x[4];
  upper_left = tg_dot2(left, w->first0, upper_left);
  upper_right = tg_dot_low_high(w->first0, left, upper_right);
  upper_left = tg_dot_low_high(right, w->last0, upper_left);
  upper_right = tg_dot2(right, w->last0, upper_right);
  const tg_dsp_block_sums sums = {upper_left, upper_right, lower_left, lower_right};
  return sums;
}

#if TG_HAS_DSP
#define TG_BLOCK_PUT_ROW                        \
  "ldr %[a], [%[left]]\n\t"                     \
  "ldr %[b], [%[right]]\n\t"                    \
  "add %[left], %[left], %[left_step]\n\t"      \
  "add %[right], %[right], %[right_step]\n\t"   \
  "pkhbt %[c], %[a], %[b], lsl #16\n\t"         \
  "pkhtb %[a], %[b], %[a], asr #16\n\t"         \
  "sxtb16 %[b], %[c]\n\t"                       \
  "sxtb16 %[c], %[c], ror #8\n\t"               \
  "str %[b], [%[to]], #32\n\t"                  \
  "sxtb16 %[b], %[a]\n\t"                       \
  "str %[c], [%[to], #-28]\n\t"                 \
  "sxtb16 %[a], %[a], ror #8\n\t"               \
  "str %[b], [%[to], #-24]\n\t"                 \
  "str %[a], [%[to], #-20]\n\t"
#endif

/* Two columns of pixels, by words of four channels, as rows of the strip. Returns where the next row begins. */
static inline tg_u32 *tg_dsp_block_put_rows(const int8_t *left, int32_t left_step, const int8_t *right,
                                            int32_t right_step, int32_t count, tg_u32 *to) {
#if TG_HAS_DSP
  if (count > 0) {
    uint32_t a, b, c;
    __asm__ volatile(
        ".syntax unified\n"
        "lsls %[a], %[count], #31\n\t"
        "bne 2f\n\t"
        ".p2align 2\n"
        "1:\n\t"
        TG_BLOCK_PUT_ROW
        "2:\n\t"
        TG_BLOCK_PUT_ROW
        "subs %[count], %[count], #2\n\t"
        "bgt 1b\n\t"
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [left] "+&r"(left), [right] "+&r"(right),
          [count] "+&r"(count), [to] "+&r"(to)
        : [left_step] "r"(left_step), [right_step] "r"(right_step)
        : "cc", "memory");
  }
#else
  TG_COMPACT
  for (; count > 0; count--) {
    const uint32_t a = tg_load4(left);
    const uint32_t b = tg_load4(right);
    const uint32_t lower = tg_pack_halfwords((int32_t)a, (int32_t)b);
    const uint32_t upper = tg_pack_upper_halfwords(a, b);
    to[0] = tg_even(lower);
    to[1] = tg_odd(lower);
    to[2] = tg_even(upper);
    to[3] = tg_odd(upper);
    left += left_step;
    right += right_step;
    to += 8;
  }
#endif
  return to;
}

/* Rows of four channels, by which depthwise images are laid out and computed. */
typedef struct {
  const int8_t *image; /* the first of the channels */
  int32_t in_h;
  int32_t in_w;
  int32_t in_c;
  int32_t step; /* from one row of the image to the next */
  int32_t pad_top;
  uint32_t outside; /* padding in all bytes */
  uint32_t fill;    /* and in both halfwords */
  int32_t y;        /* the first row of outputs */
  int32_t rows;     /* of outputs */
  int32_t next;     /* the first of the next band; 0 if there is none */
  tg_u32 *kept;     /* rows next - 1 and next of all columns of words; before, the band's own */
} tg_dsp_block_band;

/* Words of the strip for bands of so many rows of outputs. */
#define TG_DSP_BLOCK_STRIP(out_w, rows) (4 * ((((out_w) + 1) >> 1) + 1 + 2 * ((rows) + 1)))

/* Sets the band that begins with row y: most rows, or those that are left. */
static inline void tg_dsp_block_begin(tg_dsp_block_band *b, int32_t most, int32_t out_h) {
  const int32_t rest = out_h - b->y - most;
  b->rows = rest > 0 ? most : most + rest;
  b->next = 0;
  if (rest > 0) {
    b->next = b->y + most - (rest < most ? rest & 1 : 0);
  }
}

/* Rows outside the image. Returns where the next row begins. */
static inline tg_u32 *tg_dsp_block_fill(uint32_t fill, int32_t count, tg_u32 *to) {
  TG_COMPACT
  for (; count > 0; count--) {
    to[0] = fill;
    to[1] = fill;
    to[2] = fill;
    to[3] = fill;
    to += 8;
  }
  return to;
}

/* Two rows of a column of words: from and to are where they begin, the second row so many words on. */
static inline void tg_dsp_block_copy(const tg_u32 *from, int32_t from_step, tg_u32 *to, int32_t to_step) {
  TG_COMPACT
  for (int32_t i = 2; i > 0; i--) {
    const uint32_t a = from[0];
    const uint32_t b = from[1];
    const uint32_t c = from[2];
    const uint32_t d = from[3];
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    from += from_step;
    to += to_step;
  }
}

/* A column of words: columns left and left + 1 of the image, a row above the band's and one below, as far as they exist. */
TG_INLINE void tg_dsp_block_lay_out(const tg_dsp_block_band *b, int32_t left, tg_u32 *to) {
  const int32_t in_w = b->in_w;
  int32_t rest = b->rows + 2;
  if (left >= in_w || left < -1) {
    tg_dsp_block_fill(b->fill, rest, to);
    return;
  }
  tg_u32 *row_to = to;
  int32_t row = b->y - b->pad_top;
  if (row < 0) {
    const int32_t above = tg_min(-row, rest);
    row_to = tg_dsp_block_fill(b->fill, above, to);
    row = 0;
    rest -= above;
  }
  if (b->y > 0) {
    tg_dsp_block_copy(b->kept + 4 * (left + 1), 4, to, 8);
    row_to += 16;
    row += 2;
    rest -= 2;
  }
  const int32_t inside = tg_min(b->in_h - row, rest);
  const int32_t at = row * b->step + left * b->in_c;
  const int8_t *none = (const int8_t *)&b->outside;
  const int32_t has_left = left >= 0;
  const int32_t has_right = left + 1 < in_w;
  row_to = tg_dsp_block_put_rows(has_left ? b->image + at : none, has_left ? b->step : 0,
                                 has_right ? b->image + (at + b->in_c) : none, has_right ? b->step : 0, inside, row_to);
  tg_dsp_block_fill(b->fill, rest - inside, row_to);
  if (b->next > 0) {
    tg_dsp_block_copy(to + 8 * (b->next - b->y), 8, b->kept + 4 * (left + 1), 4);
  }
}

#endif
