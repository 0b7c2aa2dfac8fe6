/* Fully connected layer for cores that multiply two halfwords: four units a step.
 *
 * Weights: of four units at a time, each group of four taps of the first, second, third and fourth; those of the units
 * that are left over one unit after the other. The last group of a unit is filled up, for which inputs are 0. The
 * input's offset is folded into the bias; the weights' is taken off once for all inputs of a row.
 *
 * output = clamp(requantize(bias + sum of input * (weights - weights_offset))). */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

static inline uint32_t tg_fully_connected_dsp_s8_step(uint32_t bytes, const int8_t *w, uint32_t sum) {
  const uint32_t weights = tg_load4(w);
  sum = tg_dot2(tg_even(bytes), tg_even(weights), sum);
  return tg_dot2(tg_odd(bytes), tg_odd(weights), sum);
}

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

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

/* Sums in r3 to r6 to outputs, with r7 to r11 from pre to offset of what follows. */
#define TG_ALL_FOUR(what) what("r3") what("r4") what("r5") what("r6")
#if TG_EPILOGUE_GLOW_FUSED
#define TG_FINISH_ALL \
  "asrs r3, r7\n\t" \
  "asrs r4, r7\n\t" \
  "asrs r5, r7\n\t" \
  "asrs r6, r7\n\t" \
  "mla r3, r3, r8, r9\n\t" \
  "mla r4, r4, r8, r9\n\t" \
  "mla r5, r5, r8, r9\n\t" \
  "mla r6, r6, r8, r9\n\t" \
  "asr r3, r3, r10\n\t" \
  "asr r4, r4, r10\n\t" \
  "asr r5, r5, r10\n\t" \
  "asr r6, r6, r10\n\t" \
  "add r3, r3, r11\n\t" \
  "add r4, r4, r11\n\t" \
  "add r5, r5, r11\n\t" \
  "add r6, r6, r11\n\t" \
  "ssat r3, #8, r3\n\t" \
  "ssat r4, #8, r4\n\t" \
  "ssat r5, #8, r5\n\t" \
  "ssat r6, #8, r6\n\t"
#else
/* See tg_epilogue_last.h: half has the output's offset in it. */
#define TG_PRODUCT_OF(x) TG_EPILOGUE_GLOW_PRODUCT(x, "r12", "r8", "r9")
#define TG_SHIFT_OF(x) "asr " x ", " x ", r10\n\t"
#define TG_FINISH_ALL TG_ALL_FOUR(TG_PRODUCT_OF) TG_ALL_FOUR(TG_SHIFT_OF) TG_ALL_FOUR(TG_EPILOGUE_GLOW_SATURATE)
#endif

typedef struct {
  const int8_t *x;
  int32_t rounds;  /* of four groups */
  int32_t left_out; /* groups, of the first round */
  uint32_t minus;
  const tg_i32 *bias;
  int8_t *output;
  int32_t blocks;
  int32_t pre;
  int32_t multiplier;
  int32_t half;
  int32_t post;
  int32_t offset;
} tg_fully_connected_dsp_s8_work;

/* blocks > 0 times four units; depth: a multiple of four, not 0. Returns the weights after them. */
static TG_APART const int8_t *tg_fully_connected_dsp_s8_fours(const tg_fully_connected_dsp_s8_params *p,
                                                              const int8_t *x, const int8_t *w, const tg_i32 *bias,
                                                              uint32_t minus, int32_t blocks, int8_t *output) {
  const int32_t groups = (int32_t)(p->depth >> 2);
  const int32_t left_out = -groups & 3;
  tg_fully_connected_dsp_s8_work all = {x,
                                        (groups + 3) >> 2,
                                        left_out,
                                        minus,
                                        bias,
                                        output,
                                        blocks,
                                        p->out.pre,
                                        p->out.multiplier,
                                        TG_EPILOGUE_GLOW_HALF(&p->out),
                                        TG_EPILOGUE_GLOW_POST(&p->out),
                                        p->out.offset};
  register tg_fully_connected_dsp_s8_work *r0 __asm__("r0") = &all;
  register const int8_t *r1 __asm__("r1") = w;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r0, r7}\n"
      ".p2align 2\n" /* so that there is no filling before 1, which would run for each block */
      "5:\n\t"
      "ldr lr, [sp]\n\t"
      "ldm lr, {r0, r2, r8, r9, r10}\n\t"
      "ldm r10!, {r3, r4, r5, r6}\n\t"
      "cmp r8, #2\n\t"
      "str r10, [lr, #16]\n\t"
      "sub r1, r1, r8, lsl #4\n\t"
      "sub r0, r0, r8, lsl #2\n\t"
      "add r3, r3, r9\n\t"
      "add r4, r4, r9\n\t"
      "add r5, r5, r9\n\t"
      "add r6, r6, r9\n\t"
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
      "ldr lr, [sp]\n\t"
      "add lr, lr, #20\n\t"
      "ldm lr, {r0, r2, r7, r8, r9, r10, r11}\n\t"
      TG_FINISH_ALL
      "strb r3, [r0]\n\t"
      "strb r4, [r0, #1]\n\t"
      "strb r5, [r0, #2]\n\t"
      "strb r6, [r0, #3]\n\t"
      "adds r0, r0, #4\n\t"
      "subs r2, r2, #1\n\t"
      "str r0, [lr]\n\t"
      "str r2, [lr, #4]\n\t"
      "bne 5b\n\t"
      "pop {r0, r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
  return r1;
}

#endif

/* The sum of a row's inputs. */
static TG_APART uint32_t tg_fully_connected_dsp_s8_sum_of(const int8_t *x, int32_t groups, uint32_t last) {
  const uint32_t ones = 0x10001u;
  uint32_t sum = tg_dot2(tg_even(last), ones, tg_dot2(tg_odd(last), ones, 0));
  TG_COMPACT
  for (; groups > 0; groups--) {
    const uint32_t bytes = tg_load4(x);
    sum = tg_dot2(tg_even(bytes), ones, sum);
    sum = tg_dot2(tg_odd(bytes), ones, sum);
    x += 4;
  }
  return sum;
}

#if !TG_HAS_DSP

/* Sums of four units += products of whole groups. Returns the weights after them. */
static TG_APART const int8_t *tg_fully_connected_dsp_s8_four(const int8_t *x, const int8_t *w, uint32_t groups,
                                                             tg_u32 *sums) {
  uint32_t sum0 = sums[0];
  uint32_t sum1 = sums[1];
  uint32_t sum2 = sums[2];
  uint32_t sum3 = sums[3];
  for (; groups > 0; groups--) {
    const uint32_t bytes = tg_load4(x);
    sum0 = tg_fully_connected_dsp_s8_step(bytes, w, sum0);
    sum1 = tg_fully_connected_dsp_s8_step(bytes, w + 4, sum1);
    sum2 = tg_fully_connected_dsp_s8_step(bytes, w + 8, sum2);
    sum3 = tg_fully_connected_dsp_s8_step(bytes, w + 12, sum3);
    x += 4;
    w += 16;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
  return w;
}

#endif

/* Sums of up to four units, whose groups of four taps take turns, += products. Returns the weights after them. */
static TG_SMALL TG_APART const int8_t *tg_fully_connected_dsp_s8_some(const int8_t *x, const int8_t *w, uint32_t depth,
                                                                      uint32_t last, int32_t units, tg_u32 *sums) {
#if !TG_HAS_DSP
  if (units == 4) {
    w = tg_fully_connected_dsp_s8_four(x, w, depth >> 2, sums);
    depth &= 3;
  }
#endif
  TG_COMPACT
  for (; depth >= 4; depth -= 4) {
    const uint32_t bytes = tg_load4(x);
    TG_COMPACT
    for (int32_t unit = 0; unit < units; unit++) {
      sums[unit] = tg_fully_connected_dsp_s8_step(bytes, w, sums[unit]);
      w += 4;
    }
    x += 4;
  }
  if (depth) {
    TG_COMPACT
    for (int32_t unit = 0; unit < units; unit++) {
      sums[unit] = tg_fully_connected_dsp_s8_step(last, w, sums[unit]);
      w += 4;
    }
  }
  return w;
}

TG_SMALL
void tg_fully_connected_dsp_s8(const tg_fully_connected_dsp_s8_params *p, const int8_t *input, const int8_t *weights,
                               const tg_i32 *bias, int8_t *output) {
  const int32_t groups = (int32_t)(p->depth >> 2);
  const int32_t rest = (int32_t)(p->depth & 3);
  const tg_requant out = p->out;
  const int32_t units = p->units;
  for (int32_t row = 0; row < p->rows; row++) {
    const int8_t *w = weights;
    const uint32_t last = tg_load_some(input + 4 * groups, rest);
    const uint32_t minus =
        p->weights_offset ? (uint32_t)-p->weights_offset * tg_fully_connected_dsp_s8_sum_of(input, groups, last) : 0;
    int32_t unit = 0;
#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP
    if (!rest && groups && units >= 4 && TG_EPILOGUE_GLOW_FITS(&p->out)) {
      w = tg_fully_connected_dsp_s8_fours(p, input, w, bias, minus, units >> 2, output);
      unit = units & ~3;
    }
#endif
    while (unit < units) {
      const int32_t count = units - unit >= 4 ? 4 : 1;
      uint32_t sums[4] = {0, 0, 0, 0};
      w = tg_fully_connected_dsp_s8_some(input, w, p->depth, last, count, sums);
      TG_COMPACT
      for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (int32_t)(sums[i] + (uint32_t)bias[unit] + minus);
        output[unit++] = (int8_t)tg_saturate_s8(tg_epilogue_glow(sum, &out));
      }
    }
    TG_CLAMP_SELDOM(output, unit, units, p->act_min, p->act_max)
    input += p->depth;
    output += units;
  }
}

#undef TG_GROUP
#undef TG_UNIT
#undef TG_UNIT_END
#undef TG_ALL_FOUR
#undef TG_FINISH_ALL
#undef TG_PRODUCT_OF
#undef TG_SHIFT_OF
