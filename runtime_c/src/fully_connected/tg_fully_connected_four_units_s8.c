/* Fully connected layer of ARMv6-M's kind: four units at once share their inputs, and their weights are one word a term.
 *
 * Byte 0 of a word is unit 0's weight plus 128, byte 1 unit 1's weight, so that the lower halfword, as a signed number, is
 * 256 * w1 + byte 0: its products less those of byte 0, divided by 256, are those of w1. The upper half is units 2 and 3
 * in the same way. To take a word apart costs four instructions, not the six of four sign extensions. The compiler proves
 * that 256 times a sum stays within 32 bits. Units that are left over come after, each unit's weights side by side.
 *
 * bias: sums of x * weight start there, and weights_offset times the sum of all inputs is taken off. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

/* sums[0 .. 3] += x * {byte 0, lower half, byte 2, upper half} over count terms. */
static const int8_t *tg_fully_connected_four_units_s8_terms(const int8_t *x, const int8_t *weights, uint32_t count,
                                                            tg_u32 *sums) {
  TG_COMPACT
  for (; count > 0; count--) {
    TG_COMPACT
    for (uint32_t pair = 0; pair < 4; pair += 2) {
      const int32_t byte = (uint8_t)weights[pair];
      sums[pair] += (uint32_t)(*x * byte);
      sums[pair + 1] += (uint32_t)(*x * (weights[pair + 1] * 256 + byte));
    }
    x++;
    weights += 4;
  }
  return weights;
}

#if TG_ARMV6M_LOOPS

/* The same, for a count that is a multiple of 4 and not 0: 72 cycles for 16 products. */
static const int8_t *tg_fully_connected_four_units_s8_four_units(const int8_t *x, const int8_t *weights, uint32_t count,
                                                                 tg_u32 *sums) {
  register const int8_t *r0 __asm__("r0") = x;
  register const int8_t *r1 __asm__("r1") = weights;
  register const int8_t *r2 __asm__("r2") = x + count;
  register tg_u32 *r3 __asm__("r3") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r3}\n\t"
      "mov r12, r2\n\t"
      "ldmia r3!, {r2, r4, r5, r6}\n\t"
      "mov r8, r2\n\t"
      "mov r9, r4\n\t"
      "mov r10, r5\n\t"
      "mov r11, r6\n"
      "1:\n\t"
      ".irp place, 0, 1, 2, 3\n\t"
      "ldrb r3, [r0, #\\place]\n\t"
      "sxtb r3, r3\n\t"
      "ldmia r1!, {r2}\n\t"
      "uxtb r4, r2\n\t"
      "sxth r5, r2\n\t"
      "asrs r2, r2, #16\n\t"
      "uxtb r6, r2\n\t"
      "muls r4, r3, r4\n\t"
      "add r8, r4\n\t"
      "muls r5, r3, r5\n\t"
      "add r9, r5\n\t"
      "muls r6, r3, r6\n\t"
      "add r10, r6\n\t"
      "muls r2, r3, r2\n\t"
      "add r11, r2\n\t"
      ".endr\n\t"
      "adds r0, r0, #4\n\t"
      "cmp r0, r12\n\t"
      "bne 1b\n\t"
      "pop {r3}\n\t"
      "mov r2, r8\n\t"
      "mov r4, r9\n\t"
      "mov r5, r10\n\t"
      "mov r6, r11\n\t"
      "stmia r3!, {r2, r4, r5, r6}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
  return r1;
}

#else

/* sums[0], sums[1] += x * {byte 0, lower half} of every other halfword; count > 0. Two units and one term at a time: more
 * do not fit the lower registers of ARMv6-M, and compilers spill. What a halfword has above byte 0 takes one shift. */
static TG_APART void tg_fully_connected_four_units_s8_two_units(const int8_t *x, const int8_t *weights, uint32_t count,
                                                                tg_u32 *sums) {
  const int8_t *const end = x + count;
  const uint32_t begin = sums[1];
  uint32_t upper = begin;
  uint32_t whole = begin;
  TG_COMPACT
  do {
    const int32_t half = tg_load2(weights);
    const int32_t input = *x;
    whole += (uint32_t)(input * half);
    upper += (uint32_t)(input * (half >> 8));
    weights += 4;
    x++;
  } while (x != end);
  sums[0] += whole - begin - ((upper - begin) << 8);
  sums[1] = whole;
}

static const int8_t *tg_fully_connected_four_units_s8_four_units(const int8_t *x, const int8_t *weights, uint32_t count,
                                                                 tg_u32 *sums) {
  tg_fully_connected_four_units_s8_two_units(x, weights, count, sums);
  tg_fully_connected_four_units_s8_two_units(x, weights + 2, count, sums + 2);
  return weights + 4 * count;
}

#endif

static uint32_t tg_fully_connected_four_units_s8_total(const int8_t *x, uint32_t count) {
  int32_t sum = 0;
  TG_COMPACT
  for (uint32_t i = 0; i < count; i++) {
    sum += x[i];
  }
  return (uint32_t)sum;
}

/* Products of four units; returns the weights after theirs. */
static const int8_t *tg_fully_connected_four_units_s8_four(const int8_t *x, const int8_t *weights, uint32_t depth,
                                                           uint32_t inputs, tg_u32 *sums) {
  const uint32_t rest = depth & 3;
  if (depth > rest) {
    weights = tg_fully_connected_four_units_s8_four_units(x, weights, depth - rest, sums);
  }
  weights = tg_fully_connected_four_units_s8_terms(x + (depth - rest), weights, rest, sums);
  TG_COMPACT
  for (uint32_t pair = 0; pair < 4; pair += 2) {
    sums[pair + 1] = (uint32_t)((int32_t)(sums[pair + 1] - sums[pair]) >> 8);
    sums[pair] -= 128 * inputs;
  }
  return weights;
}

/* Products of count units whose weights lie side by side. */
static void tg_fully_connected_four_units_s8_single(const int8_t *x, const int8_t *weights, uint32_t depth,
                                                    uint32_t count, tg_u32 *sums) {
  TG_COMPACT
  for (; count > 0; count--) {
    int32_t sum = 0;
    TG_COMPACT
    for (uint32_t i = 0; i < depth; i++) {
      sum += x[i] * *weights++;
    }
    *sums++ = (uint32_t)sum;
  }
}

void tg_fully_connected_four_units_s8(const tg_fully_connected_four_units_s8_params *p, const int8_t *input,
                                      const int8_t *weights, const tg_i32 *bias, int8_t *output) {
  const uint32_t depth = p->depth;
  const tg_requant out = p->out;
  for (uint32_t row = 0; row < p->rows; row++) {
    const uint32_t inputs = tg_fully_connected_four_units_s8_total(input, depth);
    const int32_t weights_offset = p->weights_offset;
    const uint32_t offset = inputs * (uint32_t)weights_offset;
    const int8_t *w = weights;
    const tg_i32 *b = bias;
    for (uint32_t left = p->units; left > 0;) {
      uint32_t sums[4] = {0, 0, 0, 0};
      uint32_t count = 4;
      if (left >= 4) {
        w = tg_fully_connected_four_units_s8_four(input, w, depth, inputs, sums);
      } else {
        count = left;
        tg_fully_connected_four_units_s8_single(input, w, depth, count, sums);
      }
      TG_COMPACT
      for (uint32_t i = 0; i < count; i++) {
        const uint32_t sum = sums[i] - offset + (uint32_t)*b++;
        *output++ = tg_clamp_s8(tg_epilogue_glow((int32_t)sum, &out), p->act_min, p->act_max);
      }
      left -= count;
    }
    input += depth;
  }
}
