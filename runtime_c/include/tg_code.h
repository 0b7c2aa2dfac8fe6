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

/* TG_CODE_SCALES, which the kernel defines: each channel has its own scale, a word after its bias.
 *
 * How sums become outputs: as tg_requantize and the bounds of an activation; half is that of 1 << post. With
 * TG_CODE_SCALES as tg_requantize_by, whose center is half; offset, multiplier, pre and post are not used. */
typedef struct {
  int32_t half;
  int32_t offset;
  int32_t low;
  int32_t high;
  int32_t multiplier;
  int32_t pre;
  int32_t post;
} tg_code_finish;

#if TG_CODE_SCALES
#define TG_CODE_BIASES (1 + TG_EPILOGUE_WORDS) /* words of a channel */
#else
#define TG_CODE_BIASES 1
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

/* The same for words of which one input lies outside of the image: (input << shift) + other. */
static inline void tg_code_border(uint32_t *out, int32_t step, int32_t rows, int32_t count, const int8_t *input,
                                  int32_t shift, uint32_t other, int32_t pitch) {
  register uint32_t *r0 __asm__("r0") = out;
  register int32_t r1 __asm__("r1") = 4 * step;
  register const int8_t *r2 __asm__("r2") = input + count;
  register uint32_t r3 __asm__("r3") = other;
  register int32_t r4 __asm__("r4") = -count;
  register uint32_t *r5 __asm__("r5") = out + rows;
  register int32_t r6 __asm__("r6") = shift;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r8, r4\n\t"
      "mov r9, %[pitch]\n\t"
      "mov r10, r5\n"
      "1:\n\t"
      "mov r11, r0\n\t"
      "mov r4, r8\n"
      "2:\n\t"
      "ldrsb r5, [r2, r4]\n\t"
      "lsls r5, r5, r6\n\t"
      "adds r5, r5, r3\n\t"
      "str r5, [r0, #0]\n\t"
      "adds r0, r0, r1\n\t"
      "adds r4, r4, #1\n\t"
      "bmi 2b\n\t"
      "add r2, r9\n\t"
      "mov r0, r11\n\t"
      "adds r0, r0, #4\n\t"
      "cmp r0, r10\n\t"
      "bne 1b\n\t"
      : "+r"(r0), "+r"(r2), "+r"(r4), "+r"(r5)
      : "r"(r1), "r"(r3), "r"(r6), [pitch] "h"(pitch)
      : "r8", "r9", "r10", "r11", "cc", "memory");
}

/* The same for words without any input. 6 cycles a word. */
static inline void tg_code_fill(uint32_t *out, int32_t step, int32_t rows, int32_t count, uint32_t word) {
  register uint32_t *r0 __asm__("r0") = out;
  register int32_t r1 __asm__("r1") = 4 * step;
  register uint32_t r2 __asm__("r2") = word;
  register int32_t r3 __asm__("r3") = count;
  register uint32_t *r4 __asm__("r4") = out + rows;
  __asm__ volatile(
      ".syntax unified\n"
      "1:\n\t"
      "mov r5, r0\n\t"
      "mov r6, r3\n"
      "2:\n\t"
      "str r2, [r5, #0]\n\t"
      "adds r5, r5, r1\n\t"
      "subs r6, r6, #1\n\t"
      "bne 2b\n\t"
      "adds r0, r0, #4\n\t"
      "cmp r0, r4\n\t"
      "bne 1b\n\t"
      : "+r"(r0)
      : "r"(r1), "r"(r2), "r"(r3), "r"(r4)
      : "r5", "r6", "cc", "memory");
}

#else

static inline void tg_code_words(tg_u32 *out, int32_t step, int32_t rows, int32_t count, const int8_t *low,
                                 const int8_t *high, int32_t pitch) {
  for (int32_t row = 0; row < rows; row++) {
    for (int32_t i = 0; i < count; i++) {
      out[row + i * step] = (uint32_t)low[row * pitch + i] + ((uint32_t)high[row * pitch + i] << 16);
    }
  }
}

static inline void tg_code_border(tg_u32 *out, int32_t step, int32_t rows, int32_t count, const int8_t *input,
                                  int32_t shift, uint32_t other, int32_t pitch) {
  for (int32_t row = 0; row < rows; row++) {
    for (int32_t i = 0; i < count; i++) {
      out[row + i * step] = ((uint32_t)input[row * pitch + i] << shift) + other;
    }
  }
}

static inline void tg_code_fill(tg_u32 *out, int32_t step, int32_t rows, int32_t count, uint32_t word) {
  for (int32_t row = 0; row < rows; row++) {
    for (int32_t i = 0; i < count; i++) {
      out[row + i * step] = word;
    }
  }
}

#endif

#if TG_ARMV6M_LOOPS && TG_EPILOGUE_FUSED

/* A sum in r3, and r1 at the channel's bias, to what is to be bounded. Shifts by a register take its lowest byte. */
#if TG_CODE_SCALES
#define TG_CODE_SCALED \
  "ldmia r1!, {r4, r5}\n\t" \
  "adds r3, r3, r4\n\t" \
  "asrs r3, r3, r5\n\t" \
  "lsrs r4, r5, #16\n\t" \
  "muls r3, r4, r3\n\t" \
  "lsrs r5, r5, #8\n\t" \
  "asrs r3, r3, r5\n\t" \
  "add r3, r8\n\t" \
  "asrs r3, r3, #1\n\t"
#else
#define TG_CODE_SCALED \
  "ldmia r1!, {r4}\n\t" \
  "adds r3, r3, r4\n\t" \
  "asrs r3, r3, r6\n\t" \
  "muls r3, r5, r3\n\t" \
  "add r3, r8\n\t" \
  "asrs r3, r3, r7\n\t" \
  "add r3, r9\n\t"
#endif

/* An output: x in r3 to the place in r2, which moves on. */
#define TG_CODE_OUTPUT \
  TG_CODE_SCALED \
  "cmp r3, r10\n\t" \
  "bge 2f\n\t" \
  "mov r3, r10\n" \
  "2:\n\t" \
  "cmp r3, r11\n\t" \
  "ble 2f\n\t" \
  "mov r3, r11\n" \
  "2:\n\t" \
  "strb r3, [r2, #0]\n\t" \
  "adds r2, r2, #1\n\t"

#define TG_CODE_LARGER(offset) \
  "ldr r4, [r0, #" offset "]\n\t" \
  "cmp r3, r4\n\t" \
  "bge 2f\n\t" \
  "mov r3, r4\n" \
  "2:\n\t"

#define TG_CODE_CONSTANTS \
  "push {r7}\n\t" \
  "mov r12, r4\n\t" \
  "ldmia r3!, {r4, r5, r6, r7}\n\t" \
  "mov r8, r4\n\t" \
  "mov r9, r5\n\t" \
  "mov r10, r6\n\t" \
  "mov r11, r7\n\t" \
  "ldmia r3!, {r5, r6, r7}\n"

/* The outputs of one pixel, count of them. sums: as weights that are code leave them, two channels in eight words. About
 * 26 cycles an output. */
static inline void tg_code_outputs(const tg_code_finish *f, const int32_t *sums, const int32_t *bias, int32_t count,
                                   int8_t *output) {
  register const int32_t *r0 __asm__("r0") = sums;
  register const int32_t *r1 __asm__("r1") = bias;
  register int8_t *r2 __asm__("r2") = output;
  register const tg_code_finish *r3 __asm__("r3") = f;
  register const int8_t *r4 __asm__("r4") = output + count;
  __asm__ volatile(
      ".syntax unified\n\t" TG_CODE_CONSTANTS
      "1:\n\t"
      "ldr r3, [r0, #0]\n\t" TG_CODE_OUTPUT
      "cmp r2, r12\n\t"
      "beq 3f\n\t"
      "ldr r3, [r0, #4]\n\t" TG_CODE_OUTPUT
      "adds r0, r0, #32\n\t"
      "cmp r2, r12\n\t"
      "bne 1b\n"
      "3:\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
}

/* The same for the maximum of four pixels, those below included. About 42 cycles an output. */
static inline void tg_code_maxima(const tg_code_finish *f, const int32_t *sums, const int32_t *bias, int32_t count,
                                  int8_t *output) {
  register const int32_t *r0 __asm__("r0") = sums;
  register const int32_t *r1 __asm__("r1") = bias;
  register int8_t *r2 __asm__("r2") = output;
  register const tg_code_finish *r3 __asm__("r3") = f;
  register const int8_t *r4 __asm__("r4") = output + count;
  __asm__ volatile(
      ".syntax unified\n\t" TG_CODE_CONSTANTS
      "1:\n\t"
      "ldr r3, [r0, #0]\n\t" TG_CODE_LARGER("8") TG_CODE_LARGER("16") TG_CODE_LARGER("24") TG_CODE_OUTPUT
      "cmp r2, r12\n\t"
      "beq 3f\n\t"
      "ldr r3, [r0, #4]\n\t" TG_CODE_LARGER("12") TG_CODE_LARGER("20") TG_CODE_LARGER("28") TG_CODE_OUTPUT
      "adds r0, r0, #32\n\t"
      "cmp r2, r12\n\t"
      "bne 1b\n"
      "3:\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
}

#else

/* bias: the channel's words; its sum without it. */
static inline int8_t tg_code_output(const tg_code_finish *f, int32_t sum, const int32_t *bias) {
#if TG_CODE_SCALES
  return tg_clamp_s8(TG_EPILOGUE_FOLDED(sum + bias[0], bias + 1, f->half), f->low, f->high);
#else
  sum += bias[0];
  const uint32_t product = (uint32_t)(sum >> f->pre) * (uint32_t)f->multiplier;
  const int32_t scaled = (int32_t)(product + (uint32_t)f->half) >> f->post;
  return tg_clamp_s8((int32_t)((uint32_t)scaled + (uint32_t)f->offset), f->low, f->high);
#endif
}

static inline void tg_code_outputs(const tg_code_finish *f, const int32_t *sums, const int32_t *bias, int32_t count,
                                   int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = tg_code_output(f, *sums, bias);
    bias += TG_CODE_BIASES;
    sums += i & 1 ? 7 : 1;
  }
}

static inline void tg_code_maxima(const tg_code_finish *f, const int32_t *sums, const int32_t *bias, int32_t count,
                                  int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = tg_code_output(f, tg_max(tg_max(sums[0], sums[2]), tg_max(sums[4], sums[6])), bias);
    bias += TG_CODE_BIASES;
    sums += i & 1 ? 7 : 1;
  }
}

#endif

#endif
