/* Fully connected layer for cores that multiply two halfwords: eight units at once share their inputs, and a halfword is
 * a term of two units.
 *
 * The lower byte of a halfword is the even unit's weight plus 128, the upper the odd unit's weight. As a signed number it
 * is 256 times the odd weight plus the lower byte. So a word multiplies two inputs as it is, and again as its lower bytes
 * alone: the difference, divided by 256, is the sum of the odd unit. One instruction unpacks four weights. The compiler
 * proves that 256 times a sum stays within 32 bits.
 *
 * Weights: of each group of four taps two words a pair of units, of taps 0 and 2 and of taps 1 and 3, as SXTB16 takes
 * inputs apart. Four pairs take turns; those that are left over follow one after the other. The last group is filled up,
 * for which inputs are 0, and an odd number of units as well. The input's offset is folded into the bias; the weights' is
 * taken off once for all inputs of a row, together with the 128.
 *
 * output = clamp(requantize(bias + sum of input * (weights - weights_offset))). */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* The first two words of a group's weights to r12 and lr, its inputs to r10 and r11. */
#define TG_HEAD(before, after)      \
  before                            \
  "ldr r10, [r0], #4\n\t"           \
  "ldr lr, [r1, #4]\n\t"            \
  "ldr r12, [r1], #32\n\t" after    \
  "sxtb16 r11, r10, ror #8\n\t"     \
  "sxtb16 r10, r10\n\t"

/* Eight products of a pair in eight slots of the M7, which multiplies once a cycle and does something else beside. The M4
 * loads two words faster one right after the other. */
#if TG_DUAL_ISSUE
#define TG_PAIR(low, whole, next_first, next_second)                                  \
  "smlad " whole ", r10, r12, " whole "\n\tuxtb16 r12, r12\n\t"                       \
  "smlad " low ", r10, r12, " low "\n\t" next_first                                   \
  "smlad " whole ", r11, lr, " whole "\n\tuxtb16 lr, lr\n\t"                          \
  "smlad " low ", r11, lr, " low "\n\t" next_second
#define TG_NEXT_GROUP(low, whole)                                          \
  TG_PAIR(low, whole, "ldr r10, [r0], #4\n\t", "ldr r12, [r1], #32\n\t")   \
  "ldr lr, [r1, #-28]\n\t"                                                 \
  "sxtb16 r11, r10, ror #8\n\t"                                            \
  "sxtb16 r10, r10\n\t"
#define TG_FOURTH_GROUP(low, whole) TG_NEXT_GROUP(low, whole)
#define TG_LAST_GROUP(low, whole) TG_PAIR(low, whole, "ldr r12, [sp]\n\t", "cmp r0, r12\n\t")
#define TG_FOURTH_HEAD TG_HEAD("", "")
#else
#define TG_PAIR(low, whole, next_first, next_second)              \
  "smlad " whole ", r10, r12, " whole "\n\tuxtb16 r12, r12\n\t"   \
  "smlad " low ", r10, r12, " low "\n\t"                          \
  "smlad " whole ", r11, lr, " whole "\n\tuxtb16 lr, lr\n\t"      \
  "smlad " low ", r11, lr, " low "\n\t" next_first next_second
#define TG_FOURTH_HEAD TG_HEAD("ldr r11, [sp]\n\t", "cmp r0, r11\n\t")
#define TG_NEXT_GROUP(low, whole) TG_PAIR(low, whole, "", "") TG_HEAD("", "")
#define TG_FOURTH_GROUP(low, whole) TG_PAIR(low, whole, "", "") TG_FOURTH_HEAD
#define TG_LAST_GROUP(low, whole) TG_PAIR(low, whole, "", "")
#endif

#define TG_THREE_PAIRS                                                                   \
  TG_PAIR("r2", "r3", "ldr r12, [r1, #-24]\n\t", "ldr lr, [r1, #-20]\n\t")               \
  TG_PAIR("r4", "r5", "ldr r12, [r1, #-16]\n\t", "ldr lr, [r1, #-12]\n\t")               \
  TG_PAIR("r6", "r7", "ldr r12, [r1, #-8]\n\t", "ldr lr, [r1, #-4]\n\t")

/* Sums in r2 to r9 to outputs, with r0 and r10 to lr from pre to offset of what follows. */
#define TG_ALL_EIGHT(what) what("r2") what("r3") what("r4") what("r5") what("r6") what("r7") what("r8") what("r9")
#if TG_EPILOGUE_GLOW_FUSED
#define TG_PRODUCT_OF(x) "asr " x ", " x ", r0\n\tmla " x ", " x ", r10, r11\n\t"
#define TG_SHIFT_OF(x) "asr " x ", " x ", r12\n\tadd " x ", " x ", lr\n\t"
#define TG_SATURATE(x) "ssat " x ", #8, " x "\n\t"
#else
/* See tg_epilogue_last.h: half has the output's offset in it. */
#define TG_PRODUCT_OF(x) TG_EPILOGUE_GLOW_PRODUCT(x, "r0", "r10", "r11")
#define TG_SHIFT_OF(x) "asr " x ", " x ", r12\n\t"
#define TG_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)
#endif

/* The code below knows the order. */
typedef struct {
  const int8_t *x;
  const int8_t *end;
  uint32_t even_minus;
  uint32_t odd_minus;
  const tg_i32 *bias;
  int8_t *output;
  int32_t blocks;
  int32_t pre;
  int32_t multiplier;
  int32_t half;
  int32_t post;
  int32_t offset;
} tg_fully_connected_eight_units_dsp_s8_work;

/* blocks > 0 times eight units over groups > 0 of four inputs. Four groups are 128 products: 160 cycles on the M4, 77 on
 * the M7. Both sums of a pair begin with what the even unit's begins with. */
static TG_APART void tg_fully_connected_eight_units_dsp_s8_blocks(
    const tg_fully_connected_eight_units_dsp_s8_params *p, const int8_t *x, const int8_t *w, const tg_i32 *bias,
    uint32_t even_minus, uint32_t odd_minus, int8_t *output) {
  tg_fully_connected_eight_units_dsp_s8_work all = {x,
                                                    x + p->depth,
                                                    even_minus,
                                                    odd_minus,
                                                    bias,
                                                    output,
                                                    p->units >> 3,
                                                    p->out.pre,
                                                    p->out.multiplier,
                                                    TG_EPILOGUE_GLOW_HALF(&p->out),
                                                    TG_EPILOGUE_GLOW_POST(&p->out),
                                                    p->out.offset};
  register tg_fully_connected_eight_units_dsp_s8_work *r0 __asm__("r0") = &all;
  register const int8_t *r1 __asm__("r1") = w;
  __asm__ volatile(
      ".syntax unified\n\t"
      "ldr r2, [r0, #4]\n\t"
      "push {r0, r7}\n\t"
      "push {r2}\n"
      ".p2align 2\n"
      "5:\n\t"
      "ldr lr, [sp, #4]\n\t"
      "ldm lr, {r0, r10, r11}\n\t"
      "ldr r12, [lr, #16]\n\t"
      "ldr r2, [r12]\n\t"
      "ldr r4, [r12, #8]\n\t"
      "ldr r6, [r12, #16]\n\t"
      "ldr r8, [r12, #24]\n\t"
      "add r2, r2, r11\n\t"
      "add r4, r4, r11\n\t"
      "add r6, r6, r11\n\t"
      "add r8, r8, r11\n\t"
      "sub r10, r10, r0\n\t"
      "mov r3, r2\n\t"
      "mov r5, r4\n\t"
      "mov r7, r6\n\t"
      "mov r9, r8\n\t"
      "lsls r10, r10, #28\n\t" /* groups, of which four take turns: one, two or three come first */
      "beq 1f\n\t"
      "bmi 6f\n\t"
      TG_FOURTH_HEAD
      "b 4f\n"
      "6:\n\t"
      "lsls r10, r10, #1\n\t"
      TG_HEAD("", "")
      "bmi 2f\n\t"
      "b 3f\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_HEAD("", "")
      TG_THREE_PAIRS
      TG_NEXT_GROUP("r8", "r9")
      "2:\n\t"
      TG_THREE_PAIRS
      TG_NEXT_GROUP("r8", "r9")
      "3:\n\t"
      TG_THREE_PAIRS
      TG_FOURTH_GROUP("r8", "r9")
      "4:\n\t"
      TG_THREE_PAIRS
      TG_LAST_GROUP("r8", "r9")
      "bne 1b\n\t"
      "ldr r0, [sp, #4]\n\t"
      "ldrd r11, r12, [r0, #12]\n\t"
      "sub r3, r3, r2\n\t"
      "sub r5, r5, r4\n\t"
      "sub r7, r7, r6\n\t"
      "sub r9, r9, r8\n\t"
      "add r3, r11, r3, asr #8\n\t"
      "add r5, r11, r5, asr #8\n\t"
      "add r7, r11, r7, asr #8\n\t"
      "add r9, r11, r9, asr #8\n\t"
      "ldr r10, [r12, #4]\n\t"
      "ldr r11, [r12, #12]\n\t"
      "ldr lr, [r12, #20]\n\t"
      "add r3, r3, r10\n\t"
      "add r5, r5, r11\n\t"
      "ldr r10, [r12, #28]\n\t"
      "add r12, r12, #32\n\t"
      "str r12, [r0, #16]\n\t"
      "add r0, r0, #28\n\t"
      "add r7, r7, lr\n\t"
      "add r9, r9, r10\n\t"
      "ldm r0, {r0, r10, r11, r12, lr}\n\t"
      TG_ALL_EIGHT(TG_PRODUCT_OF)
      TG_ALL_EIGHT(TG_SHIFT_OF)
      "ldr r0, [sp, #4]\n\t"
      "ldrd r10, r11, [r0, #20]\n\t"
      TG_ALL_EIGHT(TG_SATURATE)
      "strb r2, [r10]\n\t"
      "strb r3, [r10, #1]\n\t"
      "strb r4, [r10, #2]\n\t"
      "strb r5, [r10, #3]\n\t"
      "strb r6, [r10, #4]\n\t"
      "strb r7, [r10, #5]\n\t"
      "strb r8, [r10, #6]\n\t"
      "strb r9, [r10, #7]\n\t"
      "add r10, r10, #8\n\t"
      "subs r11, r11, #1\n\t"
      "strd r10, r11, [r0, #20]\n\t"
      "bne 5b\n\t"
      "pop {r2, r3, r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#endif

/* sum plus four bytes, each plus 128. */
static inline uint32_t tg_fully_connected_eight_units_dsp_s8_four(uint32_t bytes, uint32_t sum) {
  const uint32_t plus = bytes ^ 0x80808080u;
#if TG_HAS_DSP
  uint32_t result;
  __asm__("usada8 %0, %1, %2, %3" : "=r"(result) : "r"(plus), "r"(0), "r"(sum));
  return result;
#else
  const uint32_t halves = (plus & 0xFF00FFu) + (plus >> 8 & 0xFF00FFu);
  return sum + (halves & 0xFFFFu) + (halves >> 16);
#endif
}

/* The sum of a row's inputs. */
static TG_APART uint32_t tg_fully_connected_eight_units_dsp_s8_sum_of(const int8_t *x, int32_t groups, uint32_t last) {
  uint32_t sum = tg_fully_connected_eight_units_dsp_s8_four(last, 0) - 512 * ((uint32_t)groups + 1);
  TG_COMPACT
  for (; groups >= 2; groups -= 2) {
    const uint32_t first = tg_load4(x);
    const uint32_t second = tg_load4(x + 4);
    sum = tg_fully_connected_eight_units_dsp_s8_four(first, sum);
    sum = tg_fully_connected_eight_units_dsp_s8_four(second, sum);
    x += 8;
  }
  return groups ? tg_fully_connected_eight_units_dsp_s8_four(tg_load4(x), sum) : sum;
}

/* Of lower bytes and of whole halfwords. */
typedef struct {
  uint32_t low;
  uint32_t whole;
} tg_fully_connected_eight_units_dsp_s8_sums;

static inline tg_fully_connected_eight_units_dsp_s8_sums tg_fully_connected_eight_units_dsp_s8_add(
    tg_fully_connected_eight_units_dsp_s8_sums sums, uint32_t bytes, const int8_t *w) {
  const uint32_t even = tg_even(bytes);
  const uint32_t odd = tg_odd(bytes);
  const uint32_t first = tg_load4(w);
  const uint32_t second = tg_load4(w + 4);
  sums.low = tg_dot2(odd, second & 0xFF00FFu, tg_dot2(even, first & 0xFF00FFu, sums.low));
  sums.whole = tg_dot2(odd, second, tg_dot2(even, first, sums.whole));
  return sums;
}

/* The sums of a pair whose groups are step bytes apart; rest: whether there is a last one. */
static TG_APART tg_fully_connected_eight_units_dsp_s8_sums tg_fully_connected_eight_units_dsp_s8_pair(
    const int8_t *x, const int8_t *w, int32_t step, int32_t groups, int32_t rest, uint32_t last) {
  tg_fully_connected_eight_units_dsp_s8_sums sums = {0, 0};
  TG_COMPACT
  for (; groups > 0; groups--) {
    sums = tg_fully_connected_eight_units_dsp_s8_add(sums, tg_load4(x), w);
    x += 4;
    w += step;
  }
  return rest ? tg_fully_connected_eight_units_dsp_s8_add(sums, last, w) : sums;
}

#if !TG_HAS_DSP

/* An even unit's sum, and the next one's, from a pair's. */
static inline void tg_fully_connected_eight_units_dsp_s8_finish(tg_fully_connected_eight_units_dsp_s8_sums sums,
                                                                const tg_i32 *bias, uint32_t even_minus,
                                                                uint32_t odd_minus, const tg_requant *out,
                                                                int8_t *output) {
  const uint32_t even = sums.low + even_minus + (uint32_t)bias[0];
  const uint32_t odd = (uint32_t)((int32_t)(sums.whole - sums.low) >> 8) + odd_minus + (uint32_t)bias[1];
  output[0] = (int8_t)tg_saturate_s8(tg_epilogue_glow((int32_t)even, out));
  output[1] = (int8_t)tg_saturate_s8(tg_epilogue_glow((int32_t)odd, out));
}

/* Two pairs of the four that take turns, which share their inputs; last: those of the last group, if rest says that there is
 * one. */
static TG_APART void tg_fully_connected_eight_units_dsp_s8_two_pairs(
    const tg_fully_connected_eight_units_dsp_s8_params *p, const int8_t *x, const int8_t *w, const tg_i32 *bias,
    uint32_t last, uint32_t even_minus, uint32_t odd_minus, int8_t *output) {
  tg_fully_connected_eight_units_dsp_s8_sums a = {0, 0};
  tg_fully_connected_eight_units_dsp_s8_sums b = {0, 0};
  int32_t groups = (int32_t)(p->depth >> 2);
  if (groups & 1) {
    const uint32_t bytes = tg_load4(x);
    a = tg_fully_connected_eight_units_dsp_s8_add(a, bytes, w);
    b = tg_fully_connected_eight_units_dsp_s8_add(b, bytes, w + 8);
    x += 4;
    w += 32;
  }
  TG_COMPACT
  for (groups >>= 1; groups > 0; groups--) {
    const uint32_t bytes = tg_load4(x);
    const uint32_t next = tg_load4(x + 4);
    a = tg_fully_connected_eight_units_dsp_s8_add(a, bytes, w);
    b = tg_fully_connected_eight_units_dsp_s8_add(b, bytes, w + 8);
    a = tg_fully_connected_eight_units_dsp_s8_add(a, next, w + 32);
    b = tg_fully_connected_eight_units_dsp_s8_add(b, next, w + 40);
    x += 8;
    w += 64;
  }
  if (p->depth & 3) {
    a = tg_fully_connected_eight_units_dsp_s8_add(a, last, w);
    b = tg_fully_connected_eight_units_dsp_s8_add(b, last, w + 8);
  }
  const tg_requant out = p->out;
  tg_fully_connected_eight_units_dsp_s8_finish(a, bias, even_minus, odd_minus, &out, output);
  tg_fully_connected_eight_units_dsp_s8_finish(b, bias + 2, even_minus, odd_minus, &out, output + 2);
}

#endif

/* Units in pairs from the given one on. */
static TG_SMALL TG_APART void tg_fully_connected_eight_units_dsp_s8_pairs(
    const tg_fully_connected_eight_units_dsp_s8_params *p, const int8_t *input, const int8_t *weights,
    const tg_i32 *bias, uint32_t last, uint32_t even_minus, uint32_t odd_minus, int32_t unit, int8_t *output) {
  const int32_t groups = (int32_t)(p->depth >> 2);
  const int32_t rest = (int32_t)(p->depth & 3);
  const int32_t padded = 4 * (groups + (rest > 0));
  const int32_t units = p->units;
  const tg_requant out = p->out;
#if !TG_HAS_DSP
  TG_COMPACT
  for (; unit < (units & ~7); unit += 4) {
    const int8_t *w = weights + (unit & ~7) * padded + 4 * (unit & 7);
    tg_fully_connected_eight_units_dsp_s8_two_pairs(p, input, w, bias + unit, last, even_minus, odd_minus,
                                                    output + unit);
  }
#endif
  TG_COMPACT
  for (; unit < units; unit += 2) {
    const int32_t block = unit & ~7;
    const int32_t whole = block + 8 <= units; /* four pairs take turns */
    const int8_t *w = weights + (whole ? block * padded + 4 * (unit - block) : unit * padded);
    const tg_fully_connected_eight_units_dsp_s8_sums sums =
        tg_fully_connected_eight_units_dsp_s8_pair(input, w, whole ? 32 : 8, groups, rest, last);
    const uint32_t even = sums.low + even_minus + (uint32_t)bias[unit];
    output[unit] = (int8_t)tg_saturate_s8(tg_epilogue_glow((int32_t)even, &out));
    if (unit + 1 < units) {
      const uint32_t odd = (uint32_t)((int32_t)(sums.whole - sums.low) >> 8) + odd_minus + (uint32_t)bias[unit + 1];
      output[unit + 1] = (int8_t)tg_saturate_s8(tg_epilogue_glow((int32_t)odd, &out));
    }
  }
}

TG_SMALL
void tg_fully_connected_eight_units_dsp_s8(const tg_fully_connected_eight_units_dsp_s8_params *p, const int8_t *input,
                                           const int8_t *weights, const tg_i32 *bias, int8_t *output) {
  const int32_t groups = (int32_t)(p->depth >> 2);
  const int32_t rest = (int32_t)(p->depth & 3);
  const int32_t units = p->units;
  for (int32_t row = 0; row < p->rows; row++) {
    const uint32_t last = tg_load_some(input + 4 * groups, rest);
    const uint32_t inputs = tg_fully_connected_eight_units_dsp_s8_sum_of(input, groups, last);
    const uint32_t odd_minus = (uint32_t)-p->weights_offset * inputs;
    const uint32_t even_minus = odd_minus - 128 * inputs;
    int32_t unit = 0;
#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP
    if (!rest && groups && units >= 8 && TG_EPILOGUE_GLOW_FITS(&p->out)) {
      tg_fully_connected_eight_units_dsp_s8_blocks(p, input, weights, bias, even_minus, odd_minus, output);
      unit = units & ~7;
    }
#endif
    if (unit < units) {
      tg_fully_connected_eight_units_dsp_s8_pairs(p, input, weights, bias, last, even_minus, odd_minus, unit, output);
    }
    TG_CLAMP_SELDOM(output, unit, units, p->act_min, p->act_max)
    input += p->depth;
    output += units;
  }
}

#undef TG_HEAD
#undef TG_PAIR
#undef TG_NEXT_GROUP
#undef TG_LAST_GROUP
#undef TG_FOURTH_HEAD
#undef TG_FOURTH_GROUP
#undef TG_THREE_PAIRS
#undef TG_ALL_EIGHT
#undef TG_PRODUCT_OF
#undef TG_SHIFT_OF
#undef TG_SATURATE
