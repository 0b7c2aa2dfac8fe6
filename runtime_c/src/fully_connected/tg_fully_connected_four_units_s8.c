/* Fully connected layer of ARMv6-M's kind: a word holds a term of four units, and three products with it make all four.
 *
 * Its bytes u0 to u3 are the units' weights plus 128, without signs. The sums of x times the whole word, times bytes 1 and
 * 3, 65536 apart, and times the upper half are
 *     all   = s0 + s1 * 2^8 + s2 * 2^16 + s3 * 2^24
 *     odd   = s1 + s3 * 2^16
 *     upper = s2 + s3 * 2^8
 * modulo 2^32, where s0 to s3 are the sums of the units, with 128 times the sum of the inputs, which is taken off first. As
 * the compiler proves that 256 times a sum stays within 32 bits, these three say what the four are: all less 2^16 times
 * upper and 2^8 times odd has s0 in its lower 24 bits, the rest follows. Eight units at once share their inputs, two words
 * a term; four come after, and units that are left over, each one's weights side by side.
 *
 * bias: sums of x * weight start there, and weights_offset times the sum of all inputs is taken off. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#if TG_ARMV6M_LOOPS

/* sums[0 .. 2] += x * {word, bytes 1 and 3, upper half} over count terms whose words are step bytes apart. */
static TG_APART void tg_fully_connected_four_units_s8_terms(const int8_t *x, const int8_t *weights, uint32_t step,
                                                            uint32_t count, tg_u32 *sums) {
  uint32_t all = sums[0];
  uint32_t odd = sums[1];
  uint32_t upper = sums[2];
  TG_COMPACT
  for (; count > 0; count--) {
    const uint32_t word = tg_load4(weights);
    const uint32_t input = (uint32_t)*x++;
    all += input * word;
    odd += input * (word >> 8 & 0xFF00FFu);
    upper += input * (word >> 16);
    weights += step;
  }
  sums[0] = all;
  sums[1] = odd;
  sums[2] = upper;
}

#define TG_BEGIN                 \
  ".syntax unified\n\t"          \
  "push {r3, r7}\n\t"            \
  "mov r7, r2\n\t"               \
  "movs r4, #255\n\t"            \
  "lsls r6, r4, #16\n\t"         \
  "orrs r6, r4\n\t"              \
  "movs r4, #0\n\t"              \
  ".irp place, 8, 9, 10, 11, 12, 14\n\t" \
  "mov r\\place, r4\n\t"         \
  ".endr\n"                      \
  "1:\n\t"
#define TG_INPUT "ldrsb r5, [r0, r7]\n\t"
/* The products of a word, which is lost; the next input's place is in r7, whose sign says whether there is one. */
#define TG_WORD(word, all, odd, upper, next) \
  "lsrs r4, " word ", #8\n\t"                \
  "ands r4, r6\n\t"                         \
  "muls r4, r5, r4\n\t"                     \
  "add " odd ", r4\n\t"                     \
  "lsrs r4, " word ", #16\n\t"               \
  "muls r4, r5, r4\n\t"                     \
  "add " upper ", r4\n\t"                   \
  "muls " word ", r5, " word "\n\t" next    \
  "add " all ", " word "\n\t"
#define TG_NEXT "adds r7, r7, #1\n\t"
#define TG_END            \
  "bne 1b\n\t"            \
  "pop {r3, r7}\n\t"      \
  "mov r2, r8\n\t"        \
  "mov r4, r9\n\t"        \
  "mov r5, r10\n\t"       \
  "stmia r3!, {r2, r4, r5}\n\t"

/* The same from zero, of both words of count terms, where count is a multiple of 4 and not 0: 98 cycles for 32 products. */
static void tg_fully_connected_four_units_s8_eight_units(const int8_t *x, const int8_t *weights, uint32_t count,
                                                         tg_u32 *sums) {
  register const int8_t *r0 __asm__("r0") = x + count;
  register const int8_t *r1 __asm__("r1") = weights;
  register uint32_t r2 __asm__("r2") = 0 - count;
  register tg_u32 *r3 __asm__("r3") = sums;
  __asm__ volatile(TG_BEGIN
      ".rept 4\n\t"
      TG_INPUT
      "ldmia r1!, {r2, r3}\n\t"
      TG_WORD("r2", "r8", "r9", "r10", "")
      TG_WORD("r3", "r11", "r12", "lr", TG_NEXT)
      ".endr\n\t"
      TG_END
      "mov r2, r11\n\t"
      "mov r4, r12\n\t"
      "mov r5, lr\n\t"
      "stmia r3!, {r2, r4, r5}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* The same for one word a term: 60 cycles for 16 products. */
static void tg_fully_connected_four_units_s8_four_units(const int8_t *x, const int8_t *weights, uint32_t count,
                                                        tg_u32 *sums) {
  register const int8_t *r0 __asm__("r0") = x + count;
  register const int8_t *r1 __asm__("r1") = weights;
  register uint32_t r2 __asm__("r2") = 0 - count;
  register tg_u32 *r3 __asm__("r3") = sums;
  __asm__ volatile(TG_BEGIN
      ".rept 2\n\t"
      TG_INPUT
      "ldmia r1!, {r2}\n\t"
      TG_WORD("r2", "r8", "r9", "r10", TG_NEXT)
      ".endr\n\t"
      TG_END
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

/* Four sums from three. */
static TG_APART void tg_fully_connected_four_units_s8_apart(const tg_u32 *three, uint32_t inputs, tg_u32 *sums) {
  const uint32_t more = 128 * inputs;
  const uint32_t upper = three[2] - more * 0x101u;
  const uint32_t odd = three[1] - more * 0x10001u;
  const uint32_t low = three[0] - more * 0x1010101u - (upper << 16); /* s0 + s1 * 2^8 */
  const int32_t s0 = (int32_t)((low - (odd << 8)) << 8) >> 8;
  const int32_t s1 = (int32_t)(low - (uint32_t)s0) >> 8;
  const int32_t s2 = (int32_t)((upper - ((odd - (uint32_t)s1) >> 8)) << 8) >> 8;
  sums[0] = (uint32_t)s0;
  sums[1] = (uint32_t)s1;
  sums[2] = (uint32_t)s2;
  sums[3] = (uint32_t)((int32_t)(upper - (uint32_t)s2) >> 8);
}

/* Sums of words * 4 units. */
static TG_APART void tg_fully_connected_four_units_s8_words(const int8_t *x, const int8_t *weights, uint32_t depth,
                                                            uint32_t words, uint32_t inputs, tg_u32 *sums) {
  uint32_t threes[6] = {0, 0, 0, 0, 0, 0};
  const uint32_t done = depth & ~(uint32_t)3;
  if (done > 0 && words == 2) {
    tg_fully_connected_four_units_s8_eight_units(x, weights, done, threes);
  } else if (done > 0) {
    tg_fully_connected_four_units_s8_four_units(x, weights, done, threes);
  }
  weights += 4 * words * done;
  TG_COMPACT
  for (uint32_t i = 0; i < words; i++) {
    if (depth > done) {
      tg_fully_connected_four_units_s8_terms(x + done, weights + 4 * i, 4 * words, depth - done, threes + 3 * i);
    }
    tg_fully_connected_four_units_s8_apart(threes + 3 * i, inputs, sums + 4 * i);
  }
}

#else

/* Elsewhere the bytes of a word are loaded one by one: four totals, two pointers, an input and a product are the registers
 * that compilers for ARMv6-M have, without one for the mask. Terms are step bytes apart; four a turn. */
TG_INLINE void tg_fully_connected_four_units_s8_bytes(const int8_t *x, const int8_t *weights, uint32_t depth, uint32_t step,
                                                      uint32_t minus, tg_u32 *sums) {
  const uint8_t *w = (const uint8_t *)weights;
  const int8_t *const end = x + depth;
  const int8_t *const fours = x + (depth & ~(uint32_t)3);
  uint32_t s0 = minus;
  uint32_t s1 = minus;
  uint32_t s2 = minus;
  uint32_t s3 = minus;
#define TG_TERM(i)                           \
  {                                          \
    const uint32_t input = (uint32_t)x[i];   \
    s0 += input * w[(i)*step];               \
    s1 += input * w[(i)*step + 1];           \
    s2 += input * w[(i)*step + 2];           \
    s3 += input * w[(i)*step + 3];           \
  }
  TG_COMPACT
  while (x != fours) {
    TG_TERM(0)
    TG_TERM(1)
    TG_TERM(2)
    TG_TERM(3)
    x += 4;
    w += 4 * step;
  }
  TG_COMPACT
  while (x != end) {
    TG_TERM(0)
    x++;
    w += step;
  }
#undef TG_TERM
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

static TG_APART void tg_fully_connected_four_units_s8_half(const int8_t *x, const int8_t *weights, uint32_t depth,
                                                           uint32_t minus, tg_u32 *sums) {
  tg_fully_connected_four_units_s8_bytes(x, weights, depth, 8, minus, sums);
}

/* Sums of words * 4 units. */
static TG_APART void tg_fully_connected_four_units_s8_words(const int8_t *x, const int8_t *weights, uint32_t depth,
                                                            uint32_t words, uint32_t inputs, tg_u32 *sums) {
  const uint32_t minus = 0 - 128 * inputs;
  if (words == 2) {
    tg_fully_connected_four_units_s8_half(x, weights, depth, minus, sums);
    tg_fully_connected_four_units_s8_half(x, weights + 4, depth, minus, sums + 4);
  } else {
    tg_fully_connected_four_units_s8_bytes(x, weights, depth, 4, minus, sums);
  }
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

/* Products of count units whose weights lie side by side. */
static TG_APART void tg_fully_connected_four_units_s8_single(const int8_t *x, const int8_t *weights, uint32_t depth,
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

/* count > 0 sums less minus to outputs. */
static TG_APART void tg_fully_connected_four_units_s8_outputs(const tg_fully_connected_four_units_s8_params *p,
                                                              const tg_u32 *sums, const tg_i32 *bias, uint32_t minus,
                                                              uint32_t count, int8_t *output) {
  const tg_requant out = p->out;
  const int32_t act_min = p->act_min;
  const int32_t act_max = p->act_max;
#if TG_ARMV6M_LOOPS && TG_EPILOGUE_GLOW_FUSED
  /* 25 cycles each. */
  const tg_i32 words[8] = {(int32_t)(0 - minus), TG_EPILOGUE_GLOW_HALF(&out), out.post, out.offset, act_max, act_min,
                            out.pre,              out.multiplier};
  register int8_t *r0 __asm__("r0") = output;
  register const tg_u32 *r1 __asm__("r1") = sums;
  register const tg_i32 *r2 __asm__("r2") = bias;
  register const int8_t *r3 __asm__("r3") = output + count;
  register const tg_i32 *r4 __asm__("r4") = words;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t" /* which may be the frame pointer */
      ".irp place, 8, 9, 10, 11, 12, 14\n\t"
      "ldmia r4!, {r5}\n\t"
      "mov r\\place, r5\n\t"
      ".endr\n\t"
      "ldmia r4!, {r6, r7}\n"
      "1:\n\t"
      "ldmia r1!, {r4}\n\t"
      "ldmia r2!, {r5}\n\t"
      "adds r4, r4, r5\n\t"
      "add r4, r8\n\t"
      "asrs r4, r4, r6\n\t"
      "muls r4, r7, r4\n\t"
      "add r4, r9\n\t"
      "mov r5, r10\n\t"
      "asrs r4, r4, r5\n\t"
      "add r4, r11\n\t"
      "cmp r4, r12\n\t"
      "ble 2f\n\t"
      "mov r4, r12\n"
      "2:\n\t"
      "cmp r4, lr\n\t"
      "bge 3f\n\t"
      "mov r4, lr\n"
      "3:\n\t"
      "strb r4, [r0]\n\t"
      "adds r0, r0, #1\n\t"
      "cmp r0, r3\n\t"
      "bne 1b\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r4)
      : "r"(r3)
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
#else
  TG_COMPACT
  for (const int8_t *end = output + count; output < end;) {
    const uint32_t sum = *sums++ - minus + (uint32_t)*bias++;
    *output++ = tg_clamp_s8(tg_epilogue_glow((int32_t)sum, &out), act_min, act_max);
  }
#endif
}

void tg_fully_connected_four_units_s8(const tg_fully_connected_four_units_s8_params *p, const int8_t *input,
                                      const int8_t *weights, const tg_i32 *bias, int8_t *output) {
  const uint32_t depth = p->depth;
  for (uint32_t row = 0; row < p->rows; row++) {
    const uint32_t inputs = tg_fully_connected_four_units_s8_total(input, depth);
    const int32_t weights_offset = p->weights_offset;
    const uint32_t offset = inputs * (uint32_t)weights_offset;
    const int8_t *w = weights;
    const tg_i32 *b = bias;
    for (uint32_t left = p->units; left > 0;) {
      uint32_t sums[8];
      const uint32_t words = left >= 8 ? 2 : left >> 2;
      const uint32_t count = words ? 4 * words : left;
      if (words) {
        tg_fully_connected_four_units_s8_words(input, w, depth, words, inputs, sums);
      } else {
        tg_fully_connected_four_units_s8_single(input, w, depth, count, sums);
      }
      w += count * depth;
      tg_fully_connected_four_units_s8_outputs(p, sums, b, offset, count, output);
      b += count;
      output += count;
      left -= count;
    }
    input += depth;
  }
}

#if TG_ARMV6M_LOOPS
#undef TG_BEGIN
#undef TG_INPUT
#undef TG_WORD
#undef TG_NEXT
#undef TG_END
#endif
