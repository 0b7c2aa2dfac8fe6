/* V of a tile for Winograd's algorithm (see tg_winograd_tile.h), and sums of inputs for the corners of windows. */
#ifndef TG_WINOGRAD_INPUTS_H
#define TG_WINOGRAD_INPUTS_H

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_winograd_tile.h"

/* Numbers that the steps below work with. */
#define TG_WINOGRAD_TILE_LINES (2 * TG_WINOGRAD_TILE_ROWS * TG_WINOGRAD_TILE_W)

/* Four input channels of a tile: V, and what they add to the sums of corners. lines: for the even and then the odd channels
 * four rows of six numbers, to work with; and twelve sums, for columns' inputs more by 128, in two halves, that are corners for
 * the upper outputs, and for the lower ones. Two channels lie in the halves of a word, which are added and multiplied
 * together: all of V fits them. step: halfwords from eight places to the next eight. */

#if TG_ARMV6M_LOOPS

/* 90 cycles for four numbers of four channels. */
static TG_APART void tg_winograd_tile_columns(const int8_t *x, int32_t channels, int32_t row, tg_u32 *lines) {
  register const int8_t *r0 __asm__("r0") = x;
  register int32_t r1 __asm__("r1") = channels;
  register int32_t r2 __asm__("r2") = row;
  register tg_u32 *r3 __asm__("r3") = lines;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r4, r3\n\t"
      "adds r4, r4, #24\n\t"
      "push {r1, r2, r4, r7}\n\t" /* channels, row, the last column's end */
      "mov r12, r0\n\t"
      "movs r0, #255\n\t"
      "lsls r1, r0, #16\n\t"
      "adds r0, r0, r1\n\t"
      "mov r9, r0\n\t" /* 0x00FF00FF */
      "movs r0, #128\n\t"
      "lsls r1, r0, #8\n\t"
      "adds r0, r0, r1\n\t"
      "lsls r1, r0, #16\n\t"
      "adds r0, r0, r1\n\t"
      "mov r10, r0\n\t" /* 0x80808080 */
      "movs r0, #1\n\t"
      "lsls r1, r0, #16\n\t"
      "adds r0, r0, r1\n\t"
      "lsls r0, r0, #8\n\t"
      "rsbs r0, r0, #0\n\t"
      "mov r8, r0\n\t" /* -0x01000100 */
      "mov r2, r3\n"
      "1:\n\t"
      "mov r0, r12\n\t"
      "ldr r1, [sp, #4]\n\t"
      "ldr r3, [r0]\n\t"
      "ldr r4, [r0, r1]\n\t"
      "adds r0, r0, r1\n\t"
      "adds r0, r0, r1\n\t"
      "ldr r5, [r0]\n\t"
      "ldr r6, [r0, r1]\n\t"
      "mov r7, r10\n\t"
      "eors r3, r3, r7\n\t"
      "eors r4, r4, r7\n\t"
      "eors r5, r5, r7\n\t"
      "eors r6, r6, r7\n\t"
      "mov r7, r9\n\t"
      "movs r0, r3\n\t" /* even channels */
      "ands r0, r0, r7\n\t"
      "movs r1, r5\n\t"
      "ands r1, r1, r7\n\t"
      "mov lr, r0\n\t"
      "add lr, r1\n\t"
      "subs r0, r0, r1\n\t"
      "str r0, [r2]\n\t"
      "movs r0, r4\n\t"
      "ands r0, r0, r7\n\t"
      "subs r1, r1, r0\n\t"
      "str r1, [r2, #48]\n\t"
      "adds r1, r1, r0\n\t"
      "adds r1, r1, r0\n\t"
      "add r1, r8\n\t"
      "str r1, [r2, #24]\n\t"
      "movs r1, r6\n\t"
      "ands r1, r1, r7\n\t"
      "mov r11, r0\n\t"
      "add r11, r1\n\t"
      "subs r0, r0, r1\n\t"
      "str r0, [r2, #72]\n\t"
      "adds r2, r2, #96\n\t" /* odd ones */
      ".irp word, r3, r4, r5, r6\n\t"
      "lsrs \\word, \\word, #8\n\t"
      "ands \\word, \\word, r7\n\t"
      ".endr\n\t"
      "add lr, r3\n\t"
      "add lr, r5\n\t"
      "add r11, r4\n\t"
      "add r11, r6\n\t"
      "subs r3, r3, r5\n\t"
      "str r3, [r2]\n\t"
      "subs r0, r5, r4\n\t"
      "str r0, [r2, #48]\n\t"
      "adds r0, r4, r5\n\t"
      "add r0, r8\n\t"
      "str r0, [r2, #24]\n\t"
      "subs r4, r4, r6\n\t"
      "str r4, [r2, #72]\n\t"
      "ldr r0, [r2, #96]\n\t" /* sums */
      "add r0, lr\n\t"
      "str r0, [r2, #96]\n\t"
      "ldr r0, [r2, #120]\n\t"
      "add r0, r11\n\t"
      "str r0, [r2, #120]\n\t"
      "subs r2, r2, #92\n\t"
      "ldr r0, [sp]\n\t"
      "add r12, r0\n\t"
      "ldr r0, [sp, #8]\n\t"
      "cmp r2, r0\n\t"
      "bne 1b\n\t"
      "pop {r1, r2, r4, r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* A row of V of two channels, the places in halves of eight from the register r9 on; r10: 0x8000. */
#define TG_WINOGRAD_TILE_PUT(word, place) \
  "strh " word ", [r0, #" #place "]\n\t"  \
  "adds " word ", " word ", r7\n\t"       \
  "lsrs " word ", " word ", #16\n\t"      \
  "strh " word ", [r0, #" #place " + 32]\n\t"
#define TG_WINOGRAD_TILE_LINE               \
  "ldmia r0!, {r1, r2, r3, r4, r5, r6}\n\t" \
  "mov r8, r0\n\t"                          \
  "subs r7, r5, r3\n\t"                     \
  "subs r1, r1, r3\n\t"                     \
  "lsls r1, r1, #2\n\t"                     \
  "adds r1, r1, r7\n\t"                     \
  "subs r0, r4, r2\n\t"                     \
  "lsls r0, r0, #1\n\t"                     \
  "subs r6, r6, r4\n\t"                     \
  "subs r6, r6, r0\n\t"                     \
  "subs r6, r6, r0\n\t"                     \
  "lsls r3, r3, #2\n\t"                     \
  "subs r3, r3, r5\n\t"                     \
  "lsls r2, r2, #2\n\t"                     \
  "subs r2, r2, r4\n\t"                     \
  "adds r4, r3, r2\n\t"                     \
  "subs r5, r3, r2\n\t"                     \
  "adds r3, r7, r0\n\t"                     \
  "subs r2, r7, r0\n\t"                     \
  "mov r0, r9\n\t"                          \
  "mov r7, r10\n\t"                         \
  TG_WINOGRAD_TILE_PUT("r1", 0)             \
  TG_WINOGRAD_TILE_PUT("r4", 8)             \
  "add r0, r11\n\t"                         \
  TG_WINOGRAD_TILE_PUT("r5", 0)             \
  TG_WINOGRAD_TILE_PUT("r3", 8)             \
  "add r0, r11\n\t"                         \
  TG_WINOGRAD_TILE_PUT("r2", 0)             \
  TG_WINOGRAD_TILE_PUT("r6", 8)

static TG_APART void tg_winograd_tile_rows(const tg_u32 *lines, tg_i16 *v, int32_t step) {
  register const tg_u32 *r0 __asm__("r0") = lines;
  register tg_i16 *r1 __asm__("r1") = v;
  register int32_t r2 __asm__("r2") = step;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "mov r9, r1\n\t"
      "lsls r2, r2, #1\n\t"
      "mov r11, r2\n\t"
      "movs r3, #128\n\t"
      "lsls r3, r3, #8\n\t"
      "mov r10, r3\n\t"
      "mov r3, r0\n\t"
      "adds r3, r3, #96\n\t"
      "mov r12, r3\n"
      "1:\n\t"
      TG_WINOGRAD_TILE_LINE
      "movs r0, #16\n\t"
      "add r9, r0\n\t"
      "mov r0, r8\n\t"
      "adds r0, r0, #72\n\t"
      TG_WINOGRAD_TILE_LINE
      "mov r0, r9\n\t"
      "subs r0, r0, #14\n\t"
      "mov r9, r0\n\t"
      "mov r0, r8\n\t"
      "subs r0, r0, #96\n\t"
      "cmp r0, r12\n\t"
      "bne 1b\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2)
      :
      : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
}

#else

/* Both halves of a word as numbers of V, which are 32 bytes apart: the lower one may have borrowed from the upper one. */
static inline void tg_winograd_tile_put(uint32_t word, tg_i16 *v) {
  v[0] = (tg_i16)tg_half(word, 0);
  v[16] = (tg_i16)tg_half(word + 0x8000u, 1);
}

/* A row of V of two channels, of which the eighth places are step halfwords apart. */
static inline void tg_winograd_tile_line(const tg_u32 *d, tg_i16 *v, int32_t step) {
  const uint32_t rest = d[4] - d[2];
  const uint32_t twice = 2 * (d[3] - d[1]);
  const uint32_t a = 4 * d[2] - d[4];
  const uint32_t b = 4 * d[1] - d[3];
  tg_winograd_tile_put(4 * (d[0] - d[2]) + rest, v);
  tg_winograd_tile_put(a + b, v + 4);
  v += step;
  tg_winograd_tile_put(a - b, v);
  tg_winograd_tile_put(rest + twice, v + 4);
  v += step;
  tg_winograd_tile_put(rest - twice, v);
  tg_winograd_tile_put(d[5] - d[3] - 2 * twice, v + 4);
}

/* Four numbers of a column of two channels, more than they are by 128. */
static inline void tg_winograd_tile_number(uint32_t a, uint32_t b, uint32_t c, uint32_t d, tg_u32 *lines) {
  lines[0] = a - c;
  lines[TG_WINOGRAD_TILE_W] = b + c - 0x1000100u;
  lines[2 * TG_WINOGRAD_TILE_W] = c - b;
  lines[3 * TG_WINOGRAD_TILE_W] = b - d;
}

static void tg_winograd_tile_columns(const int8_t *x, int32_t channels, int32_t row, tg_u32 *lines) {
  const uint32_t even = 0xFF00FFu;
  tg_u32 *const sums = lines + TG_WINOGRAD_TILE_LINES;
  for (int32_t column = 0; column < TG_WINOGRAD_TILE_W; column++) {
    uint32_t a = tg_load4(x) ^ 0x80808080u;
    uint32_t b = tg_load4(x + row) ^ 0x80808080u;
    uint32_t c = tg_load4(x + 2 * row) ^ 0x80808080u;
    uint32_t d = tg_load4(x + 3 * row) ^ 0x80808080u;
    tg_winograd_tile_number(a & even, b & even, c & even, d & even, lines + column);
    sums[column] += (a & even) + (c & even);
    sums[TG_WINOGRAD_TILE_W + column] += (b & even) + (d & even);
    a = a >> 8 & even;
    b = b >> 8 & even;
    c = c >> 8 & even;
    d = d >> 8 & even;
    tg_winograd_tile_number(a, b, c, d, lines + TG_WINOGRAD_TILE_LINES / 2 + column);
    sums[column] += a + c;
    sums[TG_WINOGRAD_TILE_W + column] += b + d;
    x += channels;
  }
}

static void tg_winograd_tile_rows(const tg_u32 *lines, tg_i16 *v, int32_t step) {
  for (int32_t place = 0; place < TG_WINOGRAD_TILE_ROWS; place++) {
    tg_winograd_tile_line(lines, v + place, step);
    tg_winograd_tile_line(lines + TG_WINOGRAD_TILE_LINES / 2, v + 8 + place, step);
    lines += TG_WINOGRAD_TILE_W;
  }
}

#endif

/* V of a tile whose inputs begin at x, and at the end of lines the sums for corners; filled: channels with those that fill
 * them up. */
static void tg_winograd_tile_inputs(const int8_t *x, int32_t channels, int32_t row, tg_i16 *v, int32_t filled,
                                    tg_u32 *lines) {
  TG_COMPACT
  for (int32_t i = 0; i < 2 * TG_WINOGRAD_TILE_W; i++) {
    lines[TG_WINOGRAD_TILE_LINES + i] = 0;
  }
  TG_COMPACT
  for (int32_t left = channels; left > 0; left -= 4) {
    tg_winograd_tile_columns(x, channels, row, lines);
    tg_winograd_tile_rows(lines, v, 8 * filled);
    x += 4;
    v += 32;
  }
}

#endif
