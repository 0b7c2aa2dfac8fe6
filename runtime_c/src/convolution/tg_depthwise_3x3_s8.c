/* Depthwise convolution (one filter of 3x3 a channel), stride 1 along rows, NHWC, channel by channel: a channel's image
 * with its padding is laid out in scratch as words, and then its outputs are computed two by two. As a channel is read as a
 * whole before any of its outputs is written, the output may take the input's place if it has its shape.
 *
 * The input's offset is folded into the bias; padding holds that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, a word after its bias. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_depthwise_tie.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#define TG_TAPS 9
/* Whether the loop of ARMv6-M instructions has an end for the epilogue. */
#define TG_HAS_END (TG_EPILOGUE_GLOW_FUSED || TG_EPILOGUE_GLOW_NARROW)

/* One channel, and where the next pair of outputs goes; round includes the output's offset. The code for ARMv6-M knows the
 * fields by their places. */
typedef struct {
  int32_t weights[TG_TAPS];
  int32_t pre;
  int32_t multiplier;
  int32_t round;
  int32_t post;
  int32_t min;
  int32_t max;
  int32_t step;
  int8_t *output;
  int32_t bias;
#if !TG_ARMV6M_LOOPS || !TG_HAS_END
  const tg_i32 *words; /* of the channel's own scale */
#elif TG_EPILOGUE_GLOW_NARROW
  int32_t high; /* the multiplier's upper part; pre is its lower one, multiplier the middle one */
#endif
} tg_depthwise_3x3_s8_channel_state;

/* x: the image's first word of the window of the first output; width: words of a row of that image. count outputs, the
 * next always step bytes after the last. */
#if TG_ARMV6M_LOOPS

/* The products of two neighbouring outputs, of which the sums are in r8 and r9. r0: inputs, which moves on by three rows; r1:
 * weights; r10: from the fourth word of a row to the next row. */
#define TG_DEPTHWISE_3X3_TAPS       \
  ".irp tap, 0, 12, 24\n\t"         \
  "ldmia r0!, {r3, r4, r5, r6}\n\t" \
  "add r0, r10\n\t"                 \
  "ldr r2, [r1, #\\tap]\n\t"        \
  "muls r3, r2, r3\n\t"             \
  "add r8, r3\n\t"                  \
  "mov r3, r4\n\t"                  \
  "muls r3, r2, r3\n\t"             \
  "add r9, r3\n\t"                  \
  "ldr r2, [r1, #\\tap + 4]\n\t"    \
  "muls r4, r2, r4\n\t"             \
  "add r8, r4\n\t"                  \
  "mov r3, r5\n\t"                  \
  "muls r3, r2, r3\n\t"             \
  "add r9, r3\n\t"                  \
  "ldr r2, [r1, #\\tap + 8]\n\t"    \
  "muls r5, r2, r5\n\t"             \
  "add r8, r5\n\t"                  \
  "muls r6, r2, r6\n\t"             \
  "add r9, r6\n\t"                  \
  ".endr\n\t"

#endif

#if TG_ARMV6M_LOOPS && TG_HAS_END

/* Sums in r2 and r3 to what is to be bounded. */
#if TG_EPILOGUE_GLOW_FUSED
#define TG_DEPTHWISE_3X3_SCALED \
  "ldr r4, [r1, #36]\n\t" \
  "asrs r2, r2, r4\n\t" \
  "asrs r3, r3, r4\n\t" \
  "ldr r4, [r1, #40]\n\t" \
  "muls r2, r4, r2\n\t" \
  "muls r3, r4, r3\n\t" \
  "ldr r4, [r1, #44]\n\t" \
  "adds r2, r2, r4\n\t" \
  "adds r3, r3, r4\n\t" \
  "ldr r4, [r1, #48]\n\t" \
  "asrs r2, r2, r4\n\t" \
  "asrs r3, r3, r4\n\t"
#else
/* The multiplier by parts (numerics/epilogue.py, Narrow); 16 cycles more. */
#define TG_DEPTHWISE_3X3_SCALED \
  TG_DEPTHWISE_3X3_KEEP \
  "ldr r4, [r1, #36]\n\t" \
  "mov r5, r4\n\t" \
  "muls r4, r2, r4\n\t" \
  "muls r5, r3, r5\n\t" \
  "asrs r4, r4, #10\n\t" \
  "asrs r5, r5, #10\n\t" \
  "ldr r6, [r1, #40]\n\t" \
  "mov r0, r6\n\t" \
  "muls r6, r2, r6\n\t" \
  "muls r0, r3, r0\n\t" \
  "adds r4, r4, r6\n\t" \
  "adds r5, r5, r0\n\t" \
  "asrs r4, r4, #10\n\t" \
  "asrs r5, r5, #10\n\t" \
  "ldr r6, [r1, #72]\n\t" \
  "muls r2, r6, r2\n\t" \
  "muls r3, r6, r3\n\t" \
  "adds r2, r2, r4\n\t" \
  "adds r3, r3, r5\n\t" \
  "ldr r4, [r1, #44]\n\t" \
  "adds r2, r2, r4\n\t" \
  "adds r3, r3, r4\n\t" \
  TG_DEPTHWISE_3X3_TEST("r2", "r8") TG_DEPTHWISE_3X3_TEST("r3", "r9") \
  "ldr r4, [r1, #48]\n\t" \
  "asrs r2, r2, r4\n\t" \
  "asrs r3, r3, r4\n\t" \
  TG_DEPTHWISE_3X3_BACK
#endif

/* Where the epilogue looks at results that lie half way. */
#if TG_EPILOGUE_GLOW_NARROW && defined(TG_EPILOGUE_GLOW_NARROW_TIE)
#define TG_DEPTHWISE_3X3_KEEP "push {r0}\n\t"
#define TG_DEPTHWISE_3X3_BACK "pop {r0}\n\t"
#define TG_DEPTHWISE_3X3_TEST(x, sum) TG_DEPTHWISE_TIE_TEST(x, sum)
#define TG_DEPTHWISE_3X3_AGAIN "beq 3f\n\tb 1b\n3:\n\t"
#define TG_DEPTHWISE_3X3_APART TG_DEPTHWISE_TIE_APART(TG_EPILOGUE_GLOW_NARROW_TIE)
#else
#define TG_DEPTHWISE_3X3_KEEP "mov r8, r0\n\t"
#define TG_DEPTHWISE_3X3_BACK "mov r0, r8\n\t"
#define TG_DEPTHWISE_3X3_TEST(x, sum)
#define TG_DEPTHWISE_3X3_AGAIN "bne 1b\n\t"
#define TG_DEPTHWISE_3X3_APART
#endif

/* 133 cycles for two outputs. An odd last output is written twice, by the pair's second (which is another one's, and reads
 * four bytes beyond its window) and then by its first. */
static void tg_depthwise_3x3_s8_outputs(tg_depthwise_3x3_s8_channel_state *state, const int32_t *x, int32_t width,
                                        int32_t count) {
  while (count > 0) {
    const int32_t pairs = count > 1 ? count >> 1 : 1;
    const int32_t step = state->step;
    if (count == 1) {
      state->step = 0;
    }
    register const int32_t *r0 __asm__("r0") = x;
    register tg_depthwise_3x3_s8_channel_state *r1 __asm__("r1") = state;
    register int32_t r2 __asm__("r2") = 4 * width - 16;
    register int32_t r3 __asm__("r3") = 8 - 12 * width;
    register int32_t r4 __asm__("r4") = pairs;
    __asm__ volatile(
        ".syntax unified\n\t"
        "mov r10, r2\n\t"
        "mov r12, r3\n\t"
        "mov r11, r4\n\t"
        "ldr r2, [r1, #68]\n\t"
        "mov lr, r2\n"
        "1:\n\t"
        "mov r8, lr\n\t"
        "mov r9, lr\n\t"
        TG_DEPTHWISE_3X3_TAPS
        "add r0, r12\n\t"
        "mov r2, r8\n\t"
        "mov r3, r9\n\t"
        TG_DEPTHWISE_3X3_SCALED
        "ldr r4, [r1, #52]\n\t"
        ".irp sum, r2, r3\n\t"
        "cmp \\sum, r4\n\t"
        "bge 2f\n\t"
        "mov \\sum, r4\n"
        "2:\n\t"
        ".endr\n\t"
        "ldr r4, [r1, #56]\n\t"
        ".irp sum, r2, r3\n\t"
        "cmp \\sum, r4\n\t"
        "ble 2f\n\t"
        "mov \\sum, r4\n"
        "2:\n\t"
        ".endr\n\t"
        "ldr r4, [r1, #60]\n\t"
        "ldr r5, [r1, #64]\n\t"
        "strb r3, [r5, r4]\n\t"
        "strb r2, [r5]\n\t"
        "lsls r4, r4, #1\n\t"
        "adds r5, r5, r4\n\t"
        "str r5, [r1, #64]\n\t"
        "mov r4, r11\n\t"
        "subs r4, r4, #1\n\t"
        "mov r11, r4\n\t"
        TG_DEPTHWISE_3X3_AGAIN
        TG_DEPTHWISE_3X3_APART
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
        :
        : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    if (count == 1) {
      state->step = step;
      state->output += step;
    }
    x += 2 * pairs;
    count -= 2 * pairs;
  }
}

#else

/* sums[0], sums[1] += products of two neighbouring outputs, or of the one that is left. */
#if TG_ARMV6M_LOOPS

static inline void tg_depthwise_3x3_s8_add_products(const tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *x,
                                                    int32_t width, int32_t count, tg_i32 *sums) {
  (void)count; /* one that is not there reads four bytes beyond its window */
  register const tg_i32 *r0 __asm__("r0") = x;
  register const tg_depthwise_3x3_s8_channel_state *r1 __asm__("r1") = state;
  register int32_t r2 __asm__("r2") = 4 * width - 16;
  register tg_i32 *r3 __asm__("r3") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r3}\n\t"
      "mov r10, r2\n\t"
      "ldmia r3!, {r4, r5}\n\t"
      "mov r8, r4\n\t"
      "mov r9, r5\n\t"
      TG_DEPTHWISE_3X3_TAPS
      "pop {r3}\n\t"
      "mov r4, r8\n\t"
      "mov r5, r9\n\t"
      "stmia r3!, {r4, r5}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
}

#else

static inline void tg_depthwise_3x3_s8_add_products(const tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *x,
                                                    int32_t width, int32_t count, tg_i32 *sums) {
  const int32_t *const w = state->weights;
  for (int32_t i = 0; i < tg_min(count, 2); i++) {
    const tg_i32 *const upper = x + i;
    const tg_i32 *const middle = upper + width;
    const tg_i32 *const lower = middle + width;
    sums[i] += upper[0] * w[0] + upper[1] * w[1] + upper[2] * w[2] + middle[0] * w[3] + middle[1] * w[4] +
               middle[2] * w[5] + lower[0] * w[6] + lower[1] * w[7] + lower[2] * w[8];
  }
}

#endif

static inline int8_t tg_depthwise_3x3_s8_finish(const tg_depthwise_3x3_s8_channel_state *state, int32_t sum) {
#if TG_PER_CHANNEL
  return tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum, state->words, state->round), state->min, state->max);
#else
  return tg_requantize_folded(sum, state->pre, state->multiplier, state->round, state->post, state->min, state->max);
#endif
}

static void tg_depthwise_3x3_s8_outputs(tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *x, int32_t width,
                                        int32_t count) {
  for (; count > 0; count -= 2) {
    int32_t sums[2] = {state->bias, state->bias};
    tg_depthwise_3x3_s8_add_products(state, x, width, count, sums);
    *state->output = tg_depthwise_3x3_s8_finish(state, sums[0]);
    state->output += state->step;
    if (count > 1) {
      *state->output = tg_depthwise_3x3_s8_finish(state, sums[1]);
      state->output += state->step;
    }
    x += 2;
  }
}

#endif

/* A channel's image with padding: height rows of width words. */
static void tg_depthwise_3x3_s8_lay_out(const tg_depthwise_3x3_s8_params *p, const int8_t *channel, int32_t height,
                                        int32_t width, int32_t *plane) {
  const int32_t step = p->in_c;
  const int32_t fill = p->in_offset;
  const int32_t left = tg_min(p->pad_left, width);
  const int32_t inside = tg_min(p->in_w, width - left);
  for (int32_t row = 0; row < height; row++) {
    int32_t *end = plane + left;
    if ((uint32_t)(row - p->pad_top) < p->in_h) {
      TG_COMPACT
      while (plane != end) {
        *plane++ = fill;
      }
      const int8_t *x = channel + (row - p->pad_top) * p->in_w * step;
      for (end += inside; plane != end; x += step) {
        *plane++ = *x;
      }
      end += width - left - inside;
    } else {
      end += width - left;
    }
    TG_COMPACT
    while (plane != end) {
      *plane++ = fill;
    }
  }
}

#if TG_PER_CHANNEL

static void tg_depthwise_3x3_s8_set_scale(tg_depthwise_3x3_s8_channel_state *state, const tg_i32 *words,
                                          int32_t offset) {
#if TG_ARMV6M_LOOPS && TG_EPILOGUE_GLOW_NARROW
  const uint32_t multiplier = (uint32_t)words[0];
  const int32_t shift = words[1] + TG_EPILOGUE_GLOW_NARROW_BITS;
  state->pre = (int32_t)(multiplier & 0x3FF);
  state->multiplier = (int32_t)(multiplier >> 10 & 0x3FF);
  state->high = (int32_t)(multiplier >> 20);
  state->round = (int32_t)((uint32_t)(2 * offset + 1) << shift) + TG_EPILOGUE_GLOW_NARROW_HALF;
  state->post = shift + 1;
#elif TG_ARMV6M_LOOPS && TG_EPILOGUE_GLOW_FUSED
  /* See tg_requantize_by. */
  const uint32_t scale = (uint32_t)*words;
  state->pre = (int32_t)(scale & 0xFF);
  state->multiplier = (int32_t)(scale >> 16);
  state->post = (int32_t)(scale >> 8 & 0xFF) + 1;
  state->round = (int32_t)((uint32_t)(2 * offset + 1) << (scale >> 8 & 0xFF));
#else
  state->words = words;
  state->round = TG_EPILOGUE_GLOW_CENTER(offset);
#endif
}

#endif

void tg_depthwise_3x3_s8(const tg_depthwise_3x3_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  /* Nothing else reads or writes these words as another type: compilers may keep them in registers. */
  const int32_t *const biases = bias;
  int32_t *const words = scratch;
  const int32_t height = (p->out_h - 1) * p->stride_h + 3;
  const int32_t width = p->out_w + 2;
  tg_depthwise_3x3_s8_channel_state state;
#if !TG_PER_CHANNEL
  state.pre = p->out.pre;
  state.multiplier = p->out.multiplier;
  state.round = tg_folded_round(&p->out);
  state.post = p->out.post;
#endif
  state.min = p->act_min;
  state.max = p->act_max;
  state.step = p->out_c;
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *weight = filter;
    for (int32_t channel = 0; channel < p->out_c; channel++) {
      TG_COMPACT
      for (int32_t tap = 0; tap < TG_TAPS; tap++) {
        state.weights[tap] = *weight++ - p->filter_offset;
      }
#if TG_PER_CHANNEL
      const tg_i32 *own = biases + channel * (1 + TG_EPILOGUE_GLOW_WORDS);
      tg_depthwise_3x3_s8_set_scale(&state, own + 1, p->out_offset);
      state.bias = *own;
#else
      state.bias = biases[channel];
#endif
      state.output = output + channel;
      tg_depthwise_3x3_s8_lay_out(p, input + channel, height, width, words);
      const int32_t *x = words;
      for (int32_t row = 0; row < p->out_h; row++) {
        tg_depthwise_3x3_s8_outputs(&state, x, width, p->out_w);
        x += width * p->stride_h;
      }
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_TAPS
#undef TG_DEPTHWISE_3X3_TAPS
#undef TG_DEPTHWISE_3X3_SCALED
#undef TG_HAS_END
#undef TG_DEPTHWISE_3X3_KEEP
#undef TG_DEPTHWISE_3X3_BACK
#undef TG_DEPTHWISE_3X3_TEST
#undef TG_DEPTHWISE_3X3_AGAIN
#undef TG_DEPTHWISE_3X3_APART
