/* What surrounds a layer's weights that are code (see tg_code of tg_core.h): inputs to words, sums to outputs. */
#ifndef TG_CODE_H
#define TG_CODE_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

/* Keeps a function that is called in several places from being copied to each. */
#if defined(__GNUC__)
#define TG_CODE_ONCE __attribute__((noinline))
#else
#define TG_CODE_ONCE
#endif

#if TG_ARMV6M_LOOPS

/* rows x count words, some of both: those of a row step apart, each row one word after the last. A word is the input at low +
 * the one at high * 2^16; those of a row lie side by side, rows are pitch apart. 12 cycles a word, 11 a row. */
static inline void tg_code_words(uint32_t *out, int32_t step, int32_t rows, int32_t count, const int8_t *low,
                                 const int8_t *high, int32_t pitch) {
  register uint32_t *r0 __asm__("r0") = out;
  register int32_t r1 __asm__("r1") = 4 * step;
  register const int8_t *r2 __asm__("r2") = low + count;
  register const int8_t *r3 __asm__("r3") = high + count;
  register int32_t r4 __asm__("r4") = -count;
  register int32_t r5 __asm__("r5") = pitch;
  register uint32_t *r6 __asm__("r6") = out + rows;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r8, r4\n\t"
      "mov r9, r5\n\t"
      "mov r10, r6\n"
      "1:\n\t"
      "mov r11, r0\n\t"
      "mov r4, r8\n"
      "2:\n\t"
      "ldrsb r5, [r2, r4]\n\t"
      "ldrsb r6, [r3, r4]\n\t"
      "lsls r6, r6, #16\n\t"
      "adds r5, r5, r6\n\t"
      "str r5, [r0, #0]\n\t"
      "adds r0, r0, r1\n\t"
      "adds r4, r4, #1\n\t"
      "bmi 2b\n\t"
      "add r2, r9\n\t"
      "add r3, r9\n\t"
      "mov r0, r11\n\t"
      "adds r0, r0, #4\n\t"
      "cmp r0, r10\n\t"
      "bne 1b\n\t"
      : "+r"(r0), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
      : "r"(r1)
      : "r8", "r9", "r10", "r11", "cc", "memory");
}

/* Three rows of count > 0 words, step 3, where the rows of inputs at high are those at low and the next: 24 cycles a column. */
static inline void tg_code_three(uint32_t *out, int32_t count, const int8_t *low, int32_t pitch) {
  register uint32_t *r0 __asm__("r0") = out;
  register const int8_t *r1 __asm__("r1") = low;
  register int32_t r2 __asm__("r2") = pitch;
  register int32_t r3 __asm__("r3") = 2 * pitch;
  register int32_t r4 __asm__("r4") = 3 * pitch;
  register const int8_t *r5 __asm__("r5") = low + count;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "mov r12, r5\n"
      "1:\n\t"
      "ldrb r5, [r1, #0]\n\t"
      "sxtb r5, r5\n\t"
      "ldrsb r6, [r1, r2]\n\t"
      "lsls r7, r6, #16\n\t"
      "adds r5, r5, r7\n\t"
      "ldrsb r7, [r1, r3]\n\t"
      "stmia r0!, {r5}\n\t"
      "lsls r5, r7, #16\n\t"
      "adds r6, r6, r5\n\t"
      "ldrsb r5, [r1, r4]\n\t"
      "lsls r5, r5, #16\n\t"
      "adds r7, r7, r5\n\t"
      "stmia r0!, {r6, r7}\n\t"
      "adds r1, r1, #1\n\t"
      "cmp r1, r12\n\t"
      "bne 1b\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r5)
      : "r"(r2), "r"(r3), "r"(r4)
      : "r6", "r12", "cc", "memory");
}

/* A row of words of which one input lies outside of the image: (input << shift) + other. */
static inline void tg_code_border(uint32_t *out, int32_t step, int32_t count, const int8_t *input, int32_t shift,
                                  uint32_t other) {
  register uint32_t *r0 __asm__("r0") = out;
  register int32_t r1 __asm__("r1") = 4 * step;
  register const int8_t *r2 __asm__("r2") = input + count;
  register uint32_t r3 __asm__("r3") = other;
  register int32_t r4 __asm__("r4") = -count;
  register int32_t r6 __asm__("r6") = shift;
  __asm__ volatile(
      ".syntax unified\n"
      "1:\n\t"
      "ldrsb r5, [r2, r4]\n\t"
      "lsls r5, r5, r6\n\t"
      "adds r5, r5, r3\n\t"
      "str r5, [r0, #0]\n\t"
      "adds r0, r0, r1\n\t"
      "adds r4, r4, #1\n\t"
      "bmi 1b\n\t"
      : "+r"(r0), "+r"(r4)
      : "r"(r1), "r"(r2), "r"(r3), "r"(r6)
      : "r5", "cc", "memory");
}

/* The same for words without any input. 6 cycles a word. */
static inline void tg_code_fill(uint32_t *out, int32_t step, int32_t count, uint32_t word) {
  register uint32_t *r0 __asm__("r0") = out;
  register int32_t r1 __asm__("r1") = 4 * step;
  register uint32_t r2 __asm__("r2") = word;
  register int32_t r3 __asm__("r3") = count;
  __asm__ volatile(
      ".syntax unified\n"
      "1:\n\t"
      "str r2, [r0, #0]\n\t"
      "adds r0, r0, r1\n\t"
      "subs r3, r3, #1\n\t"
      "bne 1b\n\t"
      : "+r"(r0), "+r"(r3)
      : "r"(r1), "r"(r2)
      : "cc", "memory");
}

/* Moves count words to a place before theirs; 13 cycles for four. */
static inline void tg_code_move(uint32_t *to, const uint32_t *from, int32_t count) {
  register uint32_t *r0 __asm__("r0") = to;
  register const uint32_t *r1 __asm__("r1") = from;
  register int32_t r2 __asm__("r2") = count;
  __asm__ volatile(
      ".syntax unified\n\t"
      "b 2f\n"
      "1:\n\t"
      "ldmia r1!, {r3, r4, r5, r6}\n\t"
      "stmia r0!, {r3, r4, r5, r6}\n"
      "2:\n\t"
      "subs r2, r2, #4\n\t"
      "bpl 1b\n\t"
      "adds r2, r2, #4\n\t"
      "beq 4f\n"
      "3:\n\t"
      "ldmia r1!, {r3}\n\t"
      "stmia r0!, {r3}\n\t"
      "subs r2, r2, #1\n\t"
      "bne 3b\n"
      "4:\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2)
      :
      : "r3", "r4", "r5", "r6", "cc", "memory");
}

#else

static inline void tg_code_move(tg_u32 *to, const tg_u32 *from, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    to[i] = from[i];
  }
}

static inline void tg_code_words(tg_u32 *out, int32_t step, int32_t rows, int32_t count, const int8_t *low,
                                 const int8_t *high, int32_t pitch) {
  for (int32_t row = 0; row < rows; row++) {
    for (int32_t i = 0; i < count; i++) {
      out[row + i * step] = (uint32_t)low[row * pitch + i] + ((uint32_t)high[row * pitch + i] << 16);
    }
  }
}

static inline void tg_code_three(tg_u32 *out, int32_t count, const int8_t *low, int32_t pitch) {
  tg_code_words(out, 3, 3, count, low, low + pitch, pitch);
}

static inline void tg_code_border(tg_u32 *out, int32_t step, int32_t count, const int8_t *input, int32_t shift,
                                  uint32_t other) {
  for (int32_t i = 0; i < count; i++) {
    out[i * step] = ((uint32_t)input[i] << shift) + other;
  }
}

static inline void tg_code_fill(tg_u32 *out, int32_t step, int32_t count, uint32_t word) {
  for (int32_t i = 0; i < count; i++) {
    out[i * step] = word;
  }
}

#endif

#endif
