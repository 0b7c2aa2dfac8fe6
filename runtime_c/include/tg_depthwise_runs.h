/* Products of depthwise windows of 3x3 with two pixels to a word (see tg_dual_mac.h): a channel's nine weights are cut into
 * runs whose magnitudes add up to 255 at most, so that the sums of a run's products, one in each half of a word, stay within
 * 16 bits for any int8 input. */
#ifndef TG_DEPTHWISE_RUNS_H
#define TG_DEPTHWISE_RUNS_H

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_numerics.h"

/* How many runs: all weights, those of a row, two neighbours (and the last), each by itself. */
#define TG_DEPTHWISE_ALL 1
#define TG_DEPTHWISE_ROWS 3
#define TG_DEPTHWISE_PAIRS 5
#define TG_DEPTHWISE_SINGLE 9
#define TG_DEPTHWISE_RUN 255

static inline int32_t tg_depthwise_runs(const int32_t *weights) {
  int32_t total = 0;
  int32_t row = 0;
  int32_t pair = 0;
  int32_t left = 3; /* of a row */
  int32_t runs = TG_DEPTHWISE_ROWS;
  TG_COMPACT
  for (int32_t tap = 0; tap < 9; tap++) {
    const int32_t size = weights[tap] < 0 ? -weights[tap] : weights[tap];
    total += size;
    row += size;
    pair += size;
    if (pair > TG_DEPTHWISE_RUN) {
      return TG_DEPTHWISE_SINGLE;
    }
    if (row > TG_DEPTHWISE_RUN) {
      runs = TG_DEPTHWISE_PAIRS;
    }
    pair = tap & 1 ? 0 : pair;
    if (--left == 0) {
      left = 3;
      row = 0;
    }
  }
  return total <= TG_DEPTHWISE_RUN ? TG_DEPTHWISE_ALL : runs;
}

#if TG_ARMV6M_LOOPS

/* The window's words of a row to r1 to r4, of which the first three are the left pair's and the last three the right one's;
 * and on to the next row. r12: bytes from a row's fifth word to the next row. */
#define TG_DEPTHWISE_LOAD "ldmia r0!, {r1, r2, r3, r4}\n\t"
#define TG_DEPTHWISE_NEXT "add r0, r12\n\t" TG_DEPTHWISE_LOAD

/* The products of a weight with words a and b, a being spoilt: the first of a run to r5 and r6, others added to them.
 * weight: its place on the stack. */
#define TG_DEPTHWISE_FIRST(weight, a, b) \
  "ldr r5, [sp, #" weight "]\n\t"        \
  "mov r6, r5\n\t"                       \
  "muls r5, " a ", r5\n\t"               \
  "muls r6, " b ", r6\n\t"
#define TG_DEPTHWISE_ADD(weight, a, b) \
  "ldr r7, [sp, #" weight "]\n\t"      \
  "muls " a ", r7, " a "\n\t"          \
  "adds r5, r5, " a "\n\t"             \
  "muls r7, " b ", r7\n\t"             \
  "adds r6, r6, r7\n\t"

/* After a run: the words to r8 and r10, their upper halves, rounded by lr, which is 2^15, to r9 and r11; or added to those.
 * What is left of a sum of words without its upper halves is the sum of the lower halves. */
#define TG_DEPTHWISE_RUN_ONE(run, words, halves, how) \
  how " " words ", " run "\n\t"                       \
  "add " run ", lr\n\t"                               \
  "asrs " run ", " run ", #16\n\t" how " " halves ", " run "\n\t"
#define TG_DEPTHWISE_RUN_FIRST               \
  TG_DEPTHWISE_RUN_ONE("r5", "r8", "r9", "mov") \
  TG_DEPTHWISE_RUN_ONE("r6", "r10", "r11", "mov")
#define TG_DEPTHWISE_RUN_NEXT                \
  TG_DEPTHWISE_RUN_ONE("r5", "r8", "r9", "add") \
  TG_DEPTHWISE_RUN_ONE("r6", "r10", "r11", "add")

/* After the last run: sums of the lower halves to r1 and r2, of the upper ones to r3 and r4. */
#define TG_DEPTHWISE_RUN_LAST_ONE(run, words, halves, low, high) \
  "mov " high ", " run "\n\t"                                    \
  "add " high ", lr\n\t"                                         \
  "asrs " high ", " high ", #16\n\t"                             \
  "add " high ", " halves "\n\t"                                 \
  "add " run ", " words "\n\t"                                   \
  "lsls r7, " high ", #16\n\t"                                   \
  "subs " low ", " run ", r7\n\t"
#define TG_DEPTHWISE_RUN_LAST                                  \
  TG_DEPTHWISE_RUN_LAST_ONE("r5", "r8", "r9", "r1", "r3")      \
  TG_DEPTHWISE_RUN_LAST_ONE("r6", "r10", "r11", "r2", "r4")

/* The same of a run that is the only one. */
#define TG_DEPTHWISE_RUN_ONLY_ONE(run, low, high) \
  "sxth " low ", " run "\n\t"                     \
  "subs " high ", " run ", " low "\n\t"           \
  "asrs " high ", " high ", #16\n\t"
#define TG_DEPTHWISE_RUN_ONLY                  \
  TG_DEPTHWISE_RUN_ONLY_ONE("r5", "r1", "r3")  \
  TG_DEPTHWISE_RUN_ONLY_ONE("r6", "r2", "r4")

/* The sums of windows whose weights are cut so. */
#define TG_DEPTHWISE_WINDOW_ALL        \
  TG_DEPTHWISE_LOAD                    \
  TG_DEPTHWISE_FIRST("0", "r1", "r2")  \
  TG_DEPTHWISE_ADD("4", "r2", "r3")    \
  TG_DEPTHWISE_ADD("8", "r3", "r4")    \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_ADD("12", "r1", "r2")   \
  TG_DEPTHWISE_ADD("16", "r2", "r3")   \
  TG_DEPTHWISE_ADD("20", "r3", "r4")   \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_ADD("24", "r1", "r2")   \
  TG_DEPTHWISE_ADD("28", "r2", "r3")   \
  TG_DEPTHWISE_ADD("32", "r3", "r4")   \
  TG_DEPTHWISE_RUN_ONLY
#define TG_DEPTHWISE_WINDOW_ROWS       \
  TG_DEPTHWISE_LOAD                    \
  TG_DEPTHWISE_FIRST("0", "r1", "r2")  \
  TG_DEPTHWISE_ADD("4", "r2", "r3")    \
  TG_DEPTHWISE_ADD("8", "r3", "r4")    \
  TG_DEPTHWISE_RUN_FIRST               \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_FIRST("12", "r1", "r2") \
  TG_DEPTHWISE_ADD("16", "r2", "r3")   \
  TG_DEPTHWISE_ADD("20", "r3", "r4")   \
  TG_DEPTHWISE_RUN_NEXT                \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_FIRST("24", "r1", "r2") \
  TG_DEPTHWISE_ADD("28", "r2", "r3")   \
  TG_DEPTHWISE_ADD("32", "r3", "r4")   \
  TG_DEPTHWISE_RUN_LAST
#define TG_DEPTHWISE_WINDOW_PAIRS      \
  TG_DEPTHWISE_LOAD                    \
  TG_DEPTHWISE_FIRST("0", "r1", "r2")  \
  TG_DEPTHWISE_ADD("4", "r2", "r3")    \
  TG_DEPTHWISE_RUN_FIRST               \
  TG_DEPTHWISE_FIRST("8", "r3", "r4")  \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_ADD("12", "r1", "r2")   \
  TG_DEPTHWISE_RUN_NEXT                \
  TG_DEPTHWISE_FIRST("16", "r2", "r3") \
  TG_DEPTHWISE_ADD("20", "r3", "r4")   \
  TG_DEPTHWISE_RUN_NEXT                \
  TG_DEPTHWISE_NEXT                    \
  TG_DEPTHWISE_FIRST("24", "r1", "r2") \
  TG_DEPTHWISE_ADD("28", "r2", "r3")   \
  TG_DEPTHWISE_RUN_NEXT                \
  TG_DEPTHWISE_FIRST("32", "r3", "r4") \
  TG_DEPTHWISE_RUN_LAST

#else

/* The products of a row's weights with its words of two windows side by side, added to their sums. */
TG_INLINE void tg_depthwise_row(const tg_i32 *x, const tg_i32 *w, tg_u32 *left, tg_u32 *right) {
  const uint32_t second = (uint32_t)x[1];
  const uint32_t third = (uint32_t)x[2];
  *left += (uint32_t)x[0] * (uint32_t)w[0] + second * (uint32_t)w[1] + third * (uint32_t)w[2];
  *right += second * (uint32_t)w[0] + third * (uint32_t)w[1] + (uint32_t)x[3] * (uint32_t)w[2];
}

/* Sums of two windows at once, of both halves and with the bias, up to the word at end, which is an even number of words
 * on; width: words of a row. All weights are one run. */
static TG_APART void tg_depthwise_sums_all(const tg_i32 *x, const tg_i32 *end, int32_t width, const tg_i32 *w,
                                           int32_t bias, tg_i32 *sums) {
  TG_COMPACT
  for (; x != end; x += 2) {
    uint32_t left = 0;
    uint32_t right = 0;
    const tg_i32 *row = x;
    tg_depthwise_row(row, w, &left, &right);
    row += width;
    tg_depthwise_row(row, w + 3, &left, &right);
    row += width;
    tg_depthwise_row(row, w + 6, &left, &right);
    sums[0] = bias;
    sums[2] = bias;
    tg_add_halfwords(left, sums, sums + 2);
    sums[1] = bias;
    sums[3] = bias;
    tg_add_halfwords(right, sums + 1, sums + 3);
    sums += 4;
  }
}

/* The same with a run for each row. */
static TG_APART void tg_depthwise_sums_rows(const tg_i32 *x, const tg_i32 *end, int32_t width, const tg_i32 *w,
                                            int32_t bias, tg_i32 *sums) {
  TG_COMPACT
  for (; x != end; x += 2) {
    const tg_i32 *row = x;
    const tg_i32 *weights = w;
    sums[0] = bias;
    sums[1] = bias;
    sums[2] = bias;
    sums[3] = bias;
    TG_COMPACT
    for (int32_t i = 0; i < 3; i++) {
      uint32_t left = 0;
      uint32_t right = 0;
      tg_depthwise_row(row, weights, &left, &right);
      tg_add_halfwords(left, sums, sums + 2);
      tg_add_halfwords(right, sums + 1, sums + 3);
      row += width;
      weights += 3;
    }
    sums += 4;
  }
}

#endif

#endif
