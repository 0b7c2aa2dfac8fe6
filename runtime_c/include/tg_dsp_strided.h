/* Blocks of 2x2 outputs of 3x3 windows that move by two pixels, and which outputs of an image they are, one channel at a
 * time, in the instructions of the DSP extension and in C, for tg_depthwise_3x3_dsp_s8: 25 bytes are read where they lie, and nothing is laid out. */
#ifndef TG_DSP_STRIDED_H
#define TG_DSP_STRIDED_H

#include "tg_dsp.h"

/* Rows of blocks of four channels; the instructions know the order. */
typedef struct {
  const int8_t *input; /* the second row of the first windows */
  int32_t channels;    /* from one pixel to the next */
  int32_t row;         /* from one row of the input to the next */
  const tg_i32 *filter; /* four biases, nine words of four weights, scales */
  int32_t channel;     /* of the four */
  int8_t *output;
  int32_t width; /* of blocks, as input */
  int32_t rows;  /* of blocks */
  uint32_t minus_offset; /* the filter's, in both halfwords */
  int32_t center; /* what is added to products, or from which that is made */
  /* What follows is on the stack meanwhile, from 4 on. */
  int32_t multiplier;
  int32_t half;
  int32_t post;
  int32_t pre;
  int32_t offset;
  int32_t down;       /* from one row of outputs to the next */
  int32_t input_skip; /* from the end of a row of blocks to the next one */
  int32_t output_skip;
} tg_dsp_strided;

/* Outputs of windows inside the image that move by two pixels, as far as they make whole blocks. */
typedef struct {
  int32_t left; /* the first column */
  int32_t columns;
  int32_t bottom; /* behind the last row */
} tg_dsp_middle;

/* In C: a channel's weights, and the sum of a window that begins at x. */
static inline void tg_dsp_strided_weights(const tg_dsp_strided *s, tg_i32 *weights) {
  const int8_t *taps = (const int8_t *)(s->filter + 4) + s->channel;
  TG_COMPACT
  for (int32_t tap = 0; tap < 9; tap++) {
    weights[tap] = taps[4 * tap] + tg_half(s->minus_offset, 0);
  }
}

static inline uint32_t tg_dsp_strided_sum(const tg_dsp_strided *s, const int8_t *x, const tg_i32 *weights) {
  uint32_t sum = (uint32_t)s->filter[s->channel];
  TG_COMPACT
  for (int32_t row = 0; row < 3; row++) {
    sum += (uint32_t)(x[0] * weights[0]) + (uint32_t)(x[s->channels] * weights[1]) +
           (uint32_t)(x[2 * s->channels] * weights[2]);
    weights += 3;
    x += s->row;
  }
  return sum;
}

/* sum += x * a weight. */
#define TG_STRIDED_00(sum, x) "smlabb " sum ", " x ", r3, " sum "\n\t"
#define TG_STRIDED_01(sum, x) "smlabt " sum ", " x ", r3, " sum "\n\t"
#define TG_STRIDED_02(sum, x) "smlabb " sum ", " x ", r4, " sum "\n\t"
#define TG_STRIDED_10(sum, x) "smlabt " sum ", " x ", r4, " sum "\n\t"
#define TG_STRIDED_11(sum, x) "smlabb " sum ", " x ", r5, " sum "\n\t"
#define TG_STRIDED_12(sum, x) "smlabt " sum ", " x ", r5, " sum "\n\t"
#define TG_STRIDED_20(sum, x) "smlabb " sum ", " x ", r6, " sum "\n\t"
#define TG_STRIDED_21(sum, x) "smlabt " sum ", " x ", r6, " sum "\n\t"
#define TG_STRIDED_22(sum, x) "smlabb " sum ", " x ", r7, " sum "\n\t"

/* What is done with two inputs, r12 and lr, and the loads of the next two, for which r0 moves first. The M4 loads faster
 * one right after the other, the M7 beside multiplications. */
#if TG_DUAL_ISSUE
#define TG_STRIDED_EARLY "ldr r12, [sp, #4]\n\t" /* the multiplier, or here: */
#define TG_STRIDED_LATE
#define TG_STRIDED_STEP(move, first, second, load, other) \
  move first "ldrsb r12, [r0" load "]\n\t" second "ldrsb lr, [r0" other "]\n\t"
#else
#define TG_STRIDED_EARLY
#define TG_STRIDED_LATE "ldr r12, [sp, #4]\n\t"
#define TG_STRIDED_STEP(move, first, second, load, other) \
  first move second "ldrsb r12, [r0" load "]\n\tldrsb lr, [r0" other "]\n\t"
#endif
#define TG_STRIDED_RIGHT "add r0, r0, r1\n\t"
#define TG_STRIDED_UP "sub r0, r0, r2\n\t"
#define TG_STRIDED_DOWN "add r0, r0, r2\n\t"

/* The sums of a block: r8 and r9 of the upper outputs, r10 and r11 of the lower ones. r0: the second row's first input, here
 * and for the next block afterwards; r1: from one pixel to the next, r2: from one row to the next. An input adds to all sums
 * that it belongs to. 81 cycles on the M4, which loads two at a time. */
#define TG_STRIDED_SUMS                                                                                             \
  "ldrsb r8, [r0]\n\t"                                                                                              \
  "ldr r11, [sp]\n\t"                                                                                               \
  "ldrsb r12, [r0, r1]\n\t"                                                                                         \
  "ldrsb r9, [r0, r1, lsl #1]\n\t"                                                                                  \
  "ldrsb lr, [r0, r1, lsl #2]\n\t"                                                                                  \
  "ldrsb r10, [r0, r2, lsl #1]\n\t"                                                                                 \
  "smlabt r8, r8, r4, r11\n\t"                                                                                      \
  TG_STRIDED_STEP(TG_STRIDED_UP, TG_STRIDED_11("r8", "r12") TG_STRIDED_12("r8", "r9"),                              \
                  "smlabt r9, r9, r4, r11\n\t" TG_STRIDED_12("r9", "lr") "smlabt r10, r10, r4, r11\n\t", "", ", r1") \
  TG_STRIDED_STEP("", TG_STRIDED_00("r8", "r12"), TG_STRIDED_01("r8", "lr"), ", r1, lsl #1", ", r1, lsl #2")        \
  TG_STRIDED_STEP("", TG_STRIDED_02("r8", "r12") TG_STRIDED_00("r9", "r12"), TG_STRIDED_02("r9", "lr"),             \
                  ", r2, lsl #1", ", r2, lsl #2")                                                                   \
  TG_STRIDED_STEP(TG_STRIDED_RIGHT, TG_STRIDED_20("r8", "r12") TG_STRIDED_00("r10", "r12"),                         \
                  TG_STRIDED_20("r10", "lr"), ", r1, lsl #1", ", r2, lsl #2")                                       \
  TG_STRIDED_STEP(TG_STRIDED_DOWN, TG_STRIDED_01("r9", "r12"), TG_STRIDED_21("r10", "lr"), ", r2",                  \
                  ", r2, lsl #1")                                                                                   \
  TG_STRIDED_STEP(TG_STRIDED_RIGHT, TG_STRIDED_21("r8", "r12") TG_STRIDED_01("r10", "r12"),                         \
                  TG_STRIDED_11("r10", "lr"), ", r1", ", r2")                                                       \
  TG_STRIDED_STEP(TG_STRIDED_DOWN, TG_STRIDED_11("r9", "r12") TG_STRIDED_22("r8", "lr"),                            \
                  TG_STRIDED_20("r9", "lr") TG_STRIDED_02("r10", "lr") TG_STRIDED_00("r11", "lr"), ", r1", ", r2")  \
  TG_STRIDED_STEP("", TG_STRIDED_21("r9", "r12") TG_STRIDED_01("r11", "r12"),                                       \
                  TG_STRIDED_12("r10", "lr") TG_STRIDED_10("r11", "lr"), ", r1, lsl #1", ", r2, lsl #1")            \
  TG_STRIDED_STEP(TG_STRIDED_RIGHT, TG_STRIDED_22("r9", "r12") TG_STRIDED_02("r11", "r12"),                         \
                  TG_STRIDED_22("r10", "lr") TG_STRIDED_20("r11", "lr"), ", r2", ", r2, lsl #1")                    \
  TG_STRIDED_STEP(TG_STRIDED_RIGHT, TG_STRIDED_11("r11", "r12"), TG_STRIDED_21("r11", "lr"), ", r2",                \
                  ", r2, lsl #1")                                                                                   \
  TG_STRIDED_12("r11", "r12") TG_STRIDED_UP TG_STRIDED_EARLY TG_STRIDED_22("r11", "lr")

#define TG_STRIDED_ALL(what) what("r8") what("r9") what("r10") what("r11")

/* Results, which saturate makes int8, to outputs, of which the first is where lr says; and on to the next block, of which the
 * flags say whether there is none. */
#define TG_STRIDED_STORE(saturate) \
  "ldr r12, [sp, #24]\n\t"         \
  saturate("r9")                   \
  saturate("r8")                   \
  "strb r9, [lr, r1]\n\t"          \
  "strb r8, [lr]\n\t"              \
  saturate("r11")                  \
  "add r12, lr, r12\n\t"           \
  saturate("r10")                  \
  "ldr r9, [sp, #36]\n\t"          \
  "strb r11, [r12, r1]\n\t"        \
  "add lr, lr, r1, lsl #1\n\t"     \
  "strb r10, [r12]\n\t"            \
  "cmp r0, r9\n\t"                 \
  "str lr, [sp, #40]\n\t"

/* A tg_dsp_strided, at r0, onto the stack: 0 bias, 4 multiplier, 8 half, 12 post, 16 pre, 20 offset, 24 down, 28 input_skip,
 * 32 output_skip, 36 where a row of blocks ends, 40 output, 44 rows, 48 the struct, 52 free. */
#define TG_STRIDED_BEGIN                              \
  "push {r7, lr}\n\t"                                 \
  "sub sp, sp, #56\n\t"                               \
  "str r0, [sp, #48]\n\t"                             \
  "add r12, r0, #40\n\t"                              \
  "ldm r12, {r1, r2, r3, r4, r5, r6, r8, r9}\n\t"     \
  "add r12, sp, #4\n\t"                               \
  "stm r12, {r1, r2, r3, r4, r5, r6, r8, r9}\n"

/* A channel: its pointers, and its weights to r3 to r7, where r8 is the scale's place, and lr minus the weights' offset; then
 * its bias to r9 and the center to r11. scale: takes them from there to the stack. */
#define TG_STRIDED_CHANNEL(words, scale)                         \
  "ldr r12, [sp, #48]\n\t"                                       \
  "ldm r12, {r0, r1, r2, r3, r4, r5, r6, r7, r10, r11}\n\t"      \
  "add r0, r0, r4\n\t"                                           \
  "add r5, r5, r4\n\t"                                           \
  "add r6, r6, r0\n\t"                                           \
  "str r6, [sp, #36]\n\t"                                        \
  "str r5, [sp, #40]\n\t"                                        \
  "str r7, [sp, #44]\n\t"                                        \
  "add r9, r3, r4, lsl #2\n\t"                                   \
  "add r8, r3, r4, lsl #" words "\n\t"                           \
  "ldr r9, [r9]\n\t"                                             \
  "mov lr, r10\n\t"                                              \
  "add r10, r3, r4\n\t"                                          \
  "add r4, r4, #1\n\t"                                           \
  "str r4, [r12, #16]\n\t" scale                                 \
  "ldrsb r3, [r10, #16]\n\t"                                     \
  "ldrsb r8, [r10, #20]\n\t"                                     \
  "ldrsb r4, [r10, #24]\n\t"                                     \
  "ldrsb r9, [r10, #28]\n\t"                                     \
  "ldrsb r5, [r10, #32]\n\t"                                     \
  "ldrsb r11, [r10, #36]\n\t"                                    \
  "ldrsb r6, [r10, #40]\n\t"                                     \
  "ldrsb r12, [r10, #44]\n\t"                                    \
  "ldrsb r7, [r10, #48]\n\t"                                     \
  TG_STRIDED_PAIR("r3", "r8") TG_STRIDED_PAIR("r4", "r9")        \
  TG_STRIDED_PAIR("r5", "r11") TG_STRIDED_PAIR("r6", "r12")      \
  "sadd16 r7, lr, r7\n\t"
#define TG_STRIDED_PAIR(low, high)            \
  "pkhbt " low ", " low ", " high ", lsl #16\n\t" \
  "sadd16 " low ", lr, " low "\n\t"

/* With the words of tg_epilogue_last.h: what is added to products is shifted as they are later. bias, weights: what is done
 * with those first. */
#define TG_STRIDED_OWN_LAST(bias) \
  TG_STRIDED_CHANNEL("3",                   \
  "ldrd r8, r12, [r8, #52]\n\t" bias        \
  "lsl r11, r11, r12\n\t"                   \
  "strd r9, r8, [sp]\n\t"                   \
  "strd r11, r12, [sp, #8]\n\t")
#define TG_STRIDED_WEIGHTS(weights) weights("r3") weights("r4") weights("r5") weights("r6") weights("r7")

/* The same words, of which the second says nothing. */
#define TG_STRIDED_OWN_TIE  \
  TG_STRIDED_CHANNEL("3",   \
  "ldr r8, [r8, #52]\n\t"   \
  "strd r9, r8, [sp]\n\t"   \
  "str r11, [sp, #8]\n\t")

/* A word of tg_scale_high. */
#define TG_STRIDED_OWN_HIGH \
  TG_STRIDED_CHANNEL("2",   \
  "ldr r8, [r8, #52]\n\t"   \
  "str r8, [sp, #16]\n\t"   \
  "bic r8, r8, #255\n\t"    \
  "strd r9, r8, [sp]\n\t"   \
  "str r11, [sp, #8]\n\t")

/* One scale for all channels. */
#define TG_STRIDED_OWN_PLAIN TG_STRIDED_CHANNEL("2", "str r9, [sp]\n\t")

/* Sums to results, and where they go to lr. */
#define TG_STRIDED_PLACE "ldr lr, [sp, #40]\n\t"
#define TG_STRIDED_SHIFT(x) "asr " x ", " x ", r12\n\t"
#define TG_STRIDED_HIGH(x) "smmlar " x ", " x ", lr, r12\n\t"
#define TG_STRIDED_TIMES(x) "mla " x ", " x ", lr, r12\n\t"
#define TG_STRIDED_ADD(x) "add " x ", " x ", lr\n\t"
#define TG_STRIDED_SCALED_HIGH                                  \
  "ldr r12, [sp, #16]\n\t"                                      \
  "ldr lr, [sp, #4]\n\t" TG_STRIDED_ALL(TG_STRIDED_SHIFT)       \
  "ldr r12, [sp, #8]\n\t" TG_STRIDED_ALL(TG_STRIDED_HIGH) TG_STRIDED_PLACE
#define TG_STRIDED_SCALED_PLAIN                                 \
  "ldr r12, [sp, #16]\n\t"                                      \
  "ldr lr, [sp, #4]\n\t" TG_STRIDED_ALL(TG_STRIDED_SHIFT)       \
  "ldr r12, [sp, #8]\n\t" TG_STRIDED_ALL(TG_STRIDED_TIMES)      \
  "ldr r12, [sp, #12]\n\t"                                      \
  "ldr lr, [sp, #20]\n\t" TG_STRIDED_ALL(TG_STRIDED_SHIFT)      \
  TG_STRIDED_ALL(TG_STRIDED_ADD) TG_STRIDED_PLACE

/* The next row of blocks at loop, or the next channel, or the end. */
#define TG_STRIDED_NEXT(loop, channel)    \
  "ldr r12, [sp, #28]\n\t"                \
  "ldr lr, [sp, #32]\n\t"                 \
  "ldr r9, [sp, #36]\n\t"                 \
  "ldr r10, [sp, #40]\n\t"                \
  "ldr r11, [sp, #44]\n\t"                \
  "add r0, r0, r12\n\t"                   \
  "add r9, r9, r2, lsl #2\n\t"            \
  "add r10, r10, lr\n\t"                  \
  "subs r11, r11, #1\n\t"                 \
  "str r9, [sp, #36]\n\t"                 \
  "str r10, [sp, #40]\n\t"                \
  "str r11, [sp, #44]\n\t"                \
  "bne " loop "\n\t"                      \
  "ldr r12, [sp, #48]\n\t"                \
  "ldr r12, [r12, #16]\n\t"               \
  "cmp r12, #4\n\t"                       \
  "bne " channel "\n\t"                   \
  "add sp, sp, #56\n\t"                   \
  "pop {r7, lr}\n\t"

#endif
