/* Depthwise convolution (one filter of 3x3 a channel), strides of 1, NHWC, channel by channel; at least two outputs along
 * one side. Along the longer side of the output, each row of a channel's image with its padding is laid out in scratch with
 * two pixels to a word: one of the first half of the outputs' windows, and the one that is as far on as the second half.
 * Windows of two neighbouring words give four outputs. Of an odd number of them, or of pairs, the halves overlap, and some
 * outputs are computed twice. As a channel is read as a whole before any of its outputs is written, the output may take the
 * input's place if it has its shape.
 *
 * The input's offset is folded into the bias; padding holds that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, a word after its bias. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_depthwise_ends.h"
#include "tg_depthwise_halves.h"
#include "tg_depthwise_runs.h"
#include "tg_depthwise_tie.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_plane.h"

#define TG_PER_CHANNEL 0

#define TG_TAPS 9
/* Whether loops of ARMv6-M instructions have an end for the epilogue. */
#define TG_HAS_END (TG_ARMV6M_LOOPS && (TG_EPILOGUE_GLOW_FUSED || TG_EPILOGUE_GLOW_NARROW))

/* One channel; round includes the output's offset. The code for ARMv6-M knows the fields by their places. */
typedef struct {
  int32_t weights[TG_TAPS];
  int32_t back; /* from behind a window's words to the next window; in bytes, as distances here are */
  int32_t bias;
  int32_t pre;        /* or the lower part of the multiplier */
  int32_t multiplier; /* or its middle part */
  int32_t high;       /* or its upper part */
  int32_t round;
  int32_t post;
  int32_t min;
  int32_t max;
  int8_t *output;
  int32_t step;
  int32_t apart;     /* from an output of the first half to the one of the second half */
  const tg_i32 *end; /* of the words with which windows of the row begin */
  int32_t rows;
  int32_t width; /* of a row of words */
  int32_t down;  /* from behind a row's outputs to the next row */
  int32_t next;  /* from behind four words of a row to the next row */
  tg_i32 *sums;
  int32_t runs;
} tg_depthwise_3x3_s8_channel_state;

#if TG_ARMV6M_LOOPS

#define TG_DEPTHWISE_3X3_BACK "ldr r7, [sp, #36]\n\tadd r0, r7\n\t"
#if !TG_HAS_END
#define TG_DEPTHWISE_3X3_BACK_ALL TG_DEPTHWISE_3X3_BACK
#define TG_DEPTHWISE_3X3_END(loop) TG_DEPTHWISE_SUMS(loop)
#define TG_DEPTHWISE_3X3_END_ALL(loop) TG_DEPTHWISE_SUMS(loop)
#else

#if TG_EPILOGUE_GLOW_FUSED

#define TG_DEPTHWISE_3X3_END(loop)                              \
  TG_DEPTHWISE_BIASED                                           \
  "ldr r7, [sp, #44]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_SHIFT) \
  "ldr r7, [sp, #48]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_TIMES) \
  "ldr r7, [sp, #56]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_PLUS)  \
  "ldr r7, [sp, #60]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_SHIFT) \
  TG_DEPTHWISE_STORED("ldr r7, [sp, #64]", TG_DEPTHWISE_AGAIN(loop))
#define TG_DEPTHWISE_3X3_BACK_ALL "add r0, lr\n\t"
#define TG_DEPTHWISE_3X3_CONSTANTS  \
  "ldr r2, [sp, #36]\n\t"          \
  "mov lr, r2\n\t"                 \
  "ldr r2, [sp, #48]\n\t"          \
  "mov r8, r2\n\t"                 \
  "add r2, sp, #56\n\t"            \
  "ldmia r2!, {r3, r4, r5}\n\t"    \
  "mov r9, r3\n\t"                 \
  "mov r10, r4\n\t"                \
  "mov r11, r5\n"
/* With no first shift, and the bias in what is added to the product; what does not change is in registers. */
#define TG_DEPTHWISE_3X3_END_ALL(loop)                    \
  "mov r7, r8\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_TIMES)  \
  "mov r7, r9\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_PLUS)   \
  "mov r7, r10\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_SHIFT) \
  TG_DEPTHWISE_STORED("mov r7, r11", TG_DEPTHWISE_AGAIN_NEAR(loop))

#else

#if defined(TG_EPILOGUE_GLOW_NARROW_TIE)
/* Where the epilogue looks at results that lie half way. */
#define TG_DEPTHWISE_3X3_APART TG_DEPTHWISE_TIE_APART(TG_EPILOGUE_GLOW_NARROW_TIE)
#define TG_DEPTHWISE_3X3_PRODUCTS \
  TG_DEPTHWISE_TIE_KEEP TG_DEPTHWISE_PARTS("r1", "r2") TG_DEPTHWISE_PARTS("r3", "r4")
#define TG_DEPTHWISE_3X3_TEST TG_DEPTHWISE_TIE_TEST
#define TG_DEPTHWISE_3X3_END_ALL(loop) TG_DEPTHWISE_3X3_END(loop)
#else
#define TG_DEPTHWISE_3X3_PRODUCTS TG_DEPTHWISE_PARTS_FOUR
#define TG_DEPTHWISE_3X3_TEST
#define TG_DEPTHWISE_3X3_CONSTANTS \
  "ldr r2, [sp, #60]\n\t"         \
  "mov lr, r2\n\t"                \
  "add r2, sp, #44\n\t"           \
  "ldmia r2!, {r3, r4, r5, r6}\n\t" \
  "mov r8, r3\n\t"                \
  "mov r9, r4\n\t"                \
  "mov r10, r5\n\t"               \
  "mov r11, r6\n"
#define TG_DEPTHWISE_3X3_END_ALL(loop)                                       \
  TG_DEPTHWISE_BIASED                                                        \
  TG_DEPTHWISE_PARTS_NEAR("r1", "r2") TG_DEPTHWISE_PARTS_NEAR("r3", "r4")    \
  "mov r7, r11\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_PLUS)                     \
  "mov r7, lr\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_SHIFT)                     \
  TG_DEPTHWISE_STORED("ldr r7, [sp, #64]", TG_DEPTHWISE_AGAIN(loop))
#endif

#define TG_DEPTHWISE_3X3_END(loop)                              \
  TG_DEPTHWISE_BIASED TG_DEPTHWISE_3X3_PRODUCTS                 \
  "ldr r7, [sp, #56]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_PLUS)  \
  TG_DEPTHWISE_3X3_TEST                                         \
  "ldr r7, [sp, #60]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_SHIFT) \
  TG_DEPTHWISE_STORED("ldr r7, [sp, #64]", TG_DEPTHWISE_AGAIN(loop))
#define TG_DEPTHWISE_3X3_BACK_ALL TG_DEPTHWISE_3X3_BACK

#endif

#endif
#if !defined(TG_DEPTHWISE_3X3_APART)
#define TG_DEPTHWISE_3X3_APART
#endif
#if !defined(TG_DEPTHWISE_3X3_CONSTANTS)
#define TG_DEPTHWISE_3X3_CONSTANTS
#endif

/* state->rows rows of outputs, or sums of them; x: the first word. The weights are cut into runs. */
static void tg_depthwise_3x3_s8_run_rows(const tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *x) {
  register const tg_i32 *r0 __asm__("r0") = x;
  register const tg_depthwise_3x3_s8_channel_state *r1 __asm__("r1") = state;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "sub sp, #112\n\t"
      "mov r2, sp\n\t"
      ".rept 7\n\t"
      "ldmia r1!, {r3, r4, r5, r6}\n\t"
      "stmia r2!, {r3, r4, r5, r6}\n\t"
      ".endr\n\t"
      "ldr r2, [sp, #100]\n\t"
      "mov r12, r2\n"
      "81:\n\t"
      "movs r2, #128\n\t"
      "lsls r2, r2, #8\n\t"
      "mov lr, r2\n\t"
      "ldr r2, [sp, #108]\n\t"
      "cmp r2, #3\n\t"
      "bcc 11f\n\t"
      "bne 82f\n\t"
      "b 20f\n"
      "82:\n\t"
      "b 30f\n"
      "11:\n\t"
      TG_DEPTHWISE_3X3_CONSTANTS
      "10:\n\t"
      TG_DEPTHWISE_WINDOW_ALL
      TG_DEPTHWISE_3X3_BACK_ALL TG_DEPTHWISE_3X3_END_ALL("10b")
      "20:\n\t"
      TG_DEPTHWISE_WINDOW_ROWS
      TG_DEPTHWISE_3X3_BACK TG_DEPTHWISE_3X3_END("20b")
      "30:\n\t"
      TG_DEPTHWISE_WINDOW_PAIRS
      TG_DEPTHWISE_3X3_BACK TG_DEPTHWISE_3X3_END("30b")
      "80:\n\t"
      "add r2, sp, #84\n\t"
      "ldmia r2!, {r3, r4, r5, r6}\n\t"
      "adds r3, r3, r5\n\t"
      "str r3, [sp, #84]\n\t"
      "ldr r3, [sp, #72]\n\t"
      "adds r3, r3, r6\n\t"
      "str r3, [sp, #72]\n\t"
      "adds r0, #8\n\t"
      "subs r4, r4, #1\n\t"
      "str r4, [sp, #88]\n\t"
      "beq 83f\n\t"
      "b 81b\n"
      "83:\n\t"
      TG_DEPTHWISE_3X3_APART
      "add sp, #112\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#endif

/* A row's sums in fours: of two windows of the first half, and of those of the second half; on ARMv6-M where each weight is
 * a run of its own. x: the first word. */
static void tg_depthwise_3x3_s8_add_products(const tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *x) {
  const int32_t *const w = state->weights;
  const int32_t width = state->width / 4;
  tg_i32 *sums = state->sums;
#if !TG_ARMV6M_LOOPS
  if (state->runs == TG_DEPTHWISE_ALL) {
    tg_depthwise_sums_all(x, state->end, width, w, state->bias, sums);
    return;
  }
  if (state->runs <= TG_DEPTHWISE_ROWS) {
    tg_depthwise_sums_rows(x, state->end, width, w, state->bias, sums);
    return;
  }
#endif
  for (int32_t i = 0; x + i != state->end; i++) {
    int32_t low = state->bias;
    int32_t high = low;
    for (int32_t row = 0; row < 3; row++) {
      const tg_i32 *const from = x + i + row * width;
      const uint32_t a = (uint32_t)from[0] * (uint32_t)w[3 * row];
      const uint32_t b = (uint32_t)from[1] * (uint32_t)w[3 * row + 1];
      const uint32_t c = (uint32_t)from[2] * (uint32_t)w[3 * row + 2];
      tg_add_halfwords(a, &low, &high);
      tg_add_halfwords(b, &low, &high);
      tg_add_halfwords(c, &low, &high);
    }
    sums[0] = low;
    sums[2] = high;
    sums += i & 1 ? 3 : 1;
  }
}

#if TG_PER_CHANNEL
#define TG_DEPTHWISE_3X3_OUTPUT(sum) tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum, words, center), min, max)
#else
#define TG_DEPTHWISE_3X3_OUTPUT(sum) tg_requantize_folded(sum, pre, multiplier, round, post, min, max)
#endif

/* Where the code has no end for the epilogue, or a channel's weights are no runs: a row's sums to outputs;
 * of four, the first two are of the first half. */
static TG_APART void tg_depthwise_3x3_s8_finish(const tg_depthwise_3x3_s8_params *p,
                                       const tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *words,
                                       const tg_i32 *sums, int32_t count, int8_t *output) {
#if TG_PER_CHANNEL
  const int32_t center = TG_EPILOGUE_GLOW_CENTER(p->out_offset);
#else
  const int32_t pre = p->out.pre;
  const int32_t multiplier = p->out.multiplier;
  const int32_t round = tg_folded_round(&p->out);
  const int32_t post = p->out.post;
  (void)words;
#endif
  const int32_t min = state->min;
  const int32_t max = state->max;
  const int32_t step = state->step;
  const int32_t apart = state->apart;
  TG_COMPACT
  for (; count > 0; count -= 2) {
    output[0] = TG_DEPTHWISE_3X3_OUTPUT(sums[0]);
    output[apart] = TG_DEPTHWISE_3X3_OUTPUT(sums[2]);
    output += step;
    sums += count & 2 ? 3 : 1;
  }
}

/* All outputs of a channel. words: its scale; x: the first word; count: outputs of a row, some of them twice. */
static void tg_depthwise_3x3_s8_outputs(const tg_depthwise_3x3_s8_params *p, tg_depthwise_3x3_s8_channel_state *state,
                                        const tg_i32 *words, const tg_i32 *x, int32_t count) {
#if TG_HAS_END
  if (state->runs != TG_DEPTHWISE_SINGLE) {
    tg_depthwise_3x3_s8_run_rows(state, x);
    return;
  }
#endif
  tg_i32 *const sums = state->sums;
  const int32_t width = state->width / 4;
  const int32_t down = state->down + count / 2 * state->step;
  int8_t *output = state->output;
  int32_t rows = state->rows;
  state->rows = 1;
  for (; rows > 0; rows--) {
#if TG_ARMV6M_LOOPS && !TG_HAS_END
    if (state->runs != TG_DEPTHWISE_SINGLE) {
      tg_depthwise_3x3_s8_run_rows(state, x);
    } else
#endif
    {
      tg_depthwise_3x3_s8_add_products(state, x);
    }
    tg_depthwise_3x3_s8_finish(p, state, words, sums, count, output);
    output += down;
    x += width;
    state->end += width;
  }
}

#if TG_PER_CHANNEL

static void tg_depthwise_3x3_s8_set_scale(tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *words,
                                          int32_t offset) {
#if TG_HAS_END && TG_EPILOGUE_GLOW_NARROW
  const uint32_t multiplier = (uint32_t)words[0];
  const int32_t shift = words[1] + TG_EPILOGUE_GLOW_NARROW_BITS;
  state->pre = (int32_t)(multiplier & 0x3FF);
  state->multiplier = (int32_t)(multiplier >> 10 & 0x3FF);
  state->high = (int32_t)(multiplier >> 20);
  state->round = (int32_t)((uint32_t)(2 * offset + 1) << shift) + TG_EPILOGUE_GLOW_NARROW_HALF;
  state->post = shift + 1;
#elif TG_HAS_END
  /* See tg_requantize_by. */
  const uint32_t scale = (uint32_t)*words;
  state->pre = (int32_t)(scale & 0xFF);
  state->multiplier = (int32_t)(scale >> 16);
  state->post = (int32_t)(scale >> 8 & 0xFF) + 1;
  state->round = (int32_t)((uint32_t)(2 * offset + 1) << (scale >> 8 & 0xFF));
#else
  (void)state;
  (void)words;
  (void)offset;
#endif
}

#endif

TG_SMALL
void tg_depthwise_3x3_s8(const tg_depthwise_3x3_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const tg_plane plane = tg_plane_between(
      (tg_plane_side){p->in_h, p->pad_top, 3, 1, 1, p->out_h, p->in_w * p->in_c, p->out_w * p->out_c, 3},
      (tg_plane_side){p->in_w, p->pad_left, 3, 1, 1, p->out_w, p->in_c, p->out_c, 1}, p->in_offset);
  const int32_t half = (plane.along.outputs + 3) >> 2 << 1;
  const int32_t apart = plane.along.outputs - half;
  const int32_t width = plane.width - apart;
  const int32_t all = width * plane.height;
  tg_i32 *const words = scratch;
  tg_depthwise_3x3_s8_channel_state state;
  state.back = 8 - 16 - 8 * width;
  state.min = p->act_min;
  state.max = p->act_max;
  state.step = plane.along.output_step;
  state.apart = apart * state.step;
  state.width = 4 * width;
  state.down = plane.across.output_step - half * state.step;
  state.next = 4 * width - 16;
  state.sums = words + all;
  /* What lies outside of the image stays. */
  const uint32_t fill = (uint32_t)p->in_offset;
  TG_COMPACT
  for (int32_t i = 0; i < all; i++) {
    words[i] = (tg_i32)(fill + (fill << 16));
  }
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *filters = filter;
    const tg_i32 *constants = bias;
    for (int32_t channel = 0; channel < p->out_c; channel++) {
      tg_plane_weights(&plane, filters, p->filter_offset, state.weights);
      filters += TG_TAPS;
      state.runs = tg_depthwise_runs(state.weights);
      state.bias = *constants++;
#if TG_PER_CHANNEL
      tg_depthwise_3x3_s8_set_scale(&state, constants, p->out_offset);
#else
      state.pre = p->out.pre;
      state.multiplier = p->out.multiplier;
      state.round = tg_folded_round(&p->out);
      state.post = p->out.post;
#endif
#if TG_HAS_END && TG_EPILOGUE_GLOW_FUSED
      if (state.runs == TG_DEPTHWISE_ALL) {
        if (state.pre == 0) {
          state.round = (int32_t)((uint32_t)state.round + (uint32_t)state.bias * (uint32_t)state.multiplier);
        } else {
          state.runs = TG_DEPTHWISE_ROWS;
        }
      }
#endif
      state.output = output + channel;
      state.rows = plane.across.outputs;
      state.end = words + half;
      tg_depthwise_halves_lay_out(&plane, apart, input + channel, words);
      tg_depthwise_3x3_s8_outputs(p, &state, constants, words, 2 * half);
#if TG_PER_CHANNEL
      constants += TG_EPILOGUE_GLOW_WORDS;
#endif
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_TAPS
#undef TG_HAS_END
#undef TG_DEPTHWISE_3X3_OUTPUT
#undef TG_DEPTHWISE_3X3_APART
#undef TG_DEPTHWISE_3X3_BACK
#undef TG_DEPTHWISE_3X3_BACK_ALL
#undef TG_DEPTHWISE_3X3_END
#undef TG_DEPTHWISE_3X3_END_ALL
#undef TG_DEPTHWISE_3X3_PRODUCTS
#undef TG_DEPTHWISE_3X3_CONSTANTS
#undef TG_DEPTHWISE_3X3_TEST
