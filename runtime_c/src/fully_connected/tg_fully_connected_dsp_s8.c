/* Fully connected layer for cores that multiply two halves at once: four units a step.
 *
 * Weights: of four units at a time, each group of four taps of the first, second, third and fourth; those of the units
 * that are left over one unit after the other. The last group of a unit is filled up, for which inputs are 0. The
 * input's offset is folded into the bias; the weights' is taken off once for all inputs of a row.
 *
 * output = clamp(requantize(bias + sum of input * (weights - weights_offset))). */
#include "tg_dsp.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* The count inputs of the last group, of which there are 0 to 3. */
static uint32_t load_rest(const int8_t *input, int32_t count) {
  uint32_t bytes = 0;
  for (int32_t i = 0; i < count; i++) {
    bytes |= (uint32_t)(uint8_t)input[i] << 8 * i;
  }
  return bytes;
}

static inline uint32_t step(uint32_t bytes, const int8_t *w, uint32_t sum) {
  const uint32_t weights = tg_load4(w);
  sum = tg_dot2(tg_even(bytes), tg_even(weights), sum);
  return tg_dot2(tg_odd(bytes), tg_odd(weights), sum);
}

#if TG_HAS_DSP

/* x: offset of the next four inputs; w0 .. w3: of those of the four units. 23 instructions: half as many cycles on the
 * M7, 24 on the M4, where loads that follow one another take one each. */
#define TG_GROUP(x, w0, w1, w2, w3)                                \
  "ldr r7, [r0, #" x "]\n\t"                                       \
  "ldr r9, [r1, #" w0 "]\n\t"                                      \
  "ldr r10, [r1, #" w1 "]\n\t"                                     \
  "ldr r11, [r1, #" w2 "]\n\t"                                     \
  "ldr r12, [r1, #" w3 "]\n\t"                                     \
  "sxtb16 r8, r7, ror #8\n\t"                                      \
  "sxtb16 r7, r7\n\t"                                              \
  "sxtb16 lr, r9\n\t" TG_UNIT("r3", "r9") "sxtb16 lr, r10\n\t"    \
  TG_UNIT_END("r3", "r9") TG_UNIT("r4", "r10") "sxtb16 lr, r11\n\t" \
  TG_UNIT_END("r4", "r10") TG_UNIT("r5", "r11") "sxtb16 lr, r12\n\t" \
  TG_UNIT_END("r5", "r11") TG_UNIT("r6", "r12") TG_UNIT_END("r6", "r12")
#define TG_UNIT(sum, w) "smlad " sum ", r7, lr, " sum "\n\tsxtb16 " w ", " w ", ror #8\n\t"
#define TG_UNIT_END(sum, w) "smlad " sum ", r8, " w ", " sum "\n\t"

/* sums of four units += products of groups > 0 groups of four taps. */
static void four(const int8_t *x, const int8_t *w, int32_t groups, uint32_t *sums) {
  register const int8_t *r0 __asm__("r0") = x;
  register const int8_t *r1 __asm__("r1") = w;
  register int32_t r2 __asm__("r2") = groups;
  register uint32_t *r3 __asm__("r3") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r3, r7}\n\t"
      "rsb r8, r2, #0\n\t"
      "and r8, r8, #3\n\t" /* groups to leave out of the first round of four */
      "sub r0, r0, r8, lsl #2\n\t"
      "sub r1, r1, r8, lsl #4\n\t"
      "adds r2, r2, #3\n\t"
      "lsrs r2, r2, #2\n\t"
      "ldm r3, {r3, r4, r5, r6}\n\t"
      "cmp r8, #2\n\t"
      "beq 3f\n\t"
      "bhi 4f\n\t"
      "cmp r8, #1\n\t"
      "beq 2f\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_GROUP("0", "0", "4", "8", "12")
      "2:\n\t"
      TG_GROUP("4", "16", "20", "24", "28")
      "3:\n\t"
      TG_GROUP("8", "32", "36", "40", "44")
      "4:\n\t"
      TG_GROUP("12", "48", "52", "56", "60")
      "adds r0, r0, #16\n\t"
      "adds r1, r1, #64\n\t"
      "subs r2, r2, #1\n\t"
      "bne 1b\n\t"
      "pop {r0, r1}\n\t"
      "stm r0, {r3, r4, r5, r6}\n\t"
      "mov r7, r1\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void four(const int8_t *x, const int8_t *w, int32_t groups, uint32_t *sums) {
  for (; groups > 0; groups--) {
    const uint32_t bytes = tg_load4(x);
    for (int32_t unit = 0; unit < 4; unit++) {
      sums[unit] = step(bytes, w, sums[unit]);
      w += 4;
    }
    x += 4;
  }
}

#endif

static uint32_t one(const int8_t *x, const int8_t *w, int32_t groups, uint32_t sum) {
  for (; groups > 0; groups--) {
    sum = step(tg_load4(x), w, sum);
    w += 4;
    x += 4;
  }
  return sum;
}

/* The sum of a row's inputs. */
static uint32_t sum_of(const int8_t *x, int32_t groups, uint32_t last) {
  const uint32_t ones = 0x10001u;
  uint32_t sum = tg_dot2(tg_even(last), ones, tg_dot2(tg_odd(last), ones, 0));
  for (; groups > 0; groups--) {
    const uint32_t bytes = tg_load4(x);
    sum = tg_dot2(tg_even(bytes), ones, sum);
    sum = tg_dot2(tg_odd(bytes), ones, sum);
    x += 4;
  }
  return sum;
}

void tg_fully_connected_dsp_s8(const tg_fully_connected_dsp_s8_params *p, const int8_t *input, const int8_t *weights,
                               const int32_t *bias, int8_t *output) {
  const int32_t groups = (int32_t)(p->depth >> 2);
  const int32_t rest = (int32_t)(p->depth & 3);
  const tg_requant out = p->out;
  const int32_t act_min = p->act_min;
  const int32_t act_max = p->act_max;
  const int32_t units = p->units;
  for (int32_t row = p->rows; row > 0; row--) {
    const int8_t *w = weights;
    const int32_t *b = bias;
    const uint32_t last = load_rest(input + 4 * groups, rest);
    const uint32_t minus = p->weights_offset ? (uint32_t)-p->weights_offset * sum_of(input, groups, last) : 0;
    int32_t left = units;
    for (; left >= 4; left -= 4) {
      uint32_t sums[4] = {(uint32_t)b[0] + minus, (uint32_t)b[1] + minus, (uint32_t)b[2] + minus,
                          (uint32_t)b[3] + minus};
      if (groups) {
        four(input, w, groups, sums);
      }
      w += 16 * groups;
      if (rest) {
        for (int32_t i = 0; i < 4; i++) {
          sums[i] = step(last, w, sums[i]);
          w += 4;
        }
      }
      for (int32_t i = 0; i < 4; i++) {
        output[i] = tg_clamp_s8(tg_requantize((int32_t)sums[i], &out), act_min, act_max);
      }
      output += 4;
      b += 4;
    }
    for (; left > 0; left--) {
      uint32_t sum = one(input, w, groups, (uint32_t)*b++ + minus);
      w += 4 * groups;
      if (rest) {
        sum = step(last, w, sum);
        w += 4;
      }
      *output++ = tg_clamp_s8(tg_requantize((int32_t)sum, &out), act_min, act_max);
    }
    input += p->depth;
  }
}
