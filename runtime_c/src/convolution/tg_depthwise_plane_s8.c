/* Depthwise convolution with windows of any size, step and dilation, and as many outputs for each input channel as divide
 * evenly: a channel's image with its padding is laid out in scratch as words, and its filters go over it. As a
 * channel is read as a whole before any of its outputs is written, the output may take the place of an input that has as
 * many channels and no fewer pixels.
 *
 * The input's offset is folded into the bias; padding holds that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, after its bias. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_plane_of.h"
#include "tg_sum_ends.h"

#define TG_PER_CHANNEL 0

/* Whether the epilogue has an end in ARMv6-M instructions. */
#if defined(TG_EPILOGUE_GLOW_NARROW_TIE)
#define TG_HAS_END 0
#else
#define TG_HAS_END (TG_PER_CHANNEL && TG_HIGH_WORD_LOOPS && (TG_EPILOGUE_GLOW_NARROW || TG_EPILOGUE_GLOW_LONG))
#endif

/* The code for ARMv6-M knows the fields by their places. In bytes: from the window of the first
 * of four outputs to those of the others; from a tap to the next, over a row of taps, from there to the next row, from a row
 * to the next. */
typedef struct {
  int32_t steps[3];
  int32_t tap;
  int32_t line;
  int32_t skip;
  int32_t row;
  int32_t rows;
  int32_t taps;
} tg_depthwise_plane_s8_window;

#if TG_ARMV6M_LOOPS

/* sums[0] to [3]: bias + the products of four outputs' windows, of which the first begins at x; those that are not wanted
 * read beyond the image. 22 cycles for four products. */
static void tg_depthwise_plane_s8_dot(const tg_depthwise_plane_s8_window *window, const int32_t *x,
                                      const int32_t *weights, int32_t bias, int32_t *sums) {
  register const int32_t *r0 __asm__("r0") = x;
  register const int32_t *r1 __asm__("r1") = weights;
  register const tg_depthwise_plane_s8_window *r2 __asm__("r2") = window;
  register int32_t r3 __asm__("r3") = bias;
  register int32_t *r4 __asm__("r4") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "mov r8, r3\n\t"
      "mov r9, r3\n\t"
      "mov r10, r3\n\t"
      "mov r11, r3\n\t"
      "push {r4}\n\t"
      "ldr r3, [r2, #12]\n\t"
      "mov r12, r3\n\t"
      "ldr r3, [r2, #16]\n\t"
      "adds r3, r0, r3\n\t"
      "mov lr, r3\n\t"
      "ldr r4, [r2, #20]\n\t"
      "ldr r5, [r2, #24]\n\t"
      "ldr r6, [r2, #28]\n\t"
      "push {r4, r5, r6}\n\t"
      "ldmia r2!, {r4, r5, r6}\n"
      ".p2align 2\n"
      "1:\n\t"
      "ldmia r1!, {r2}\n\t"
      "ldr r3, [r0]\n\t"
      "muls r3, r2, r3\n\t"
      "add r8, r3\n\t"
      "ldr r3, [r0, r4]\n\t"
      "muls r3, r2, r3\n\t"
      "add r9, r3\n\t"
      "ldr r3, [r0, r5]\n\t"
      "muls r3, r2, r3\n\t"
      "add r10, r3\n\t"
      "ldr r3, [r0, r6]\n\t"
      "muls r3, r2, r3\n\t"
      "add r11, r3\n\t"
      "add r0, r12\n\t"
      "cmp r0, lr\n\t"
      "bne 1b\n\t"
      "ldr r2, [sp]\n\t"
      "add r0, r2\n\t"
      "ldr r3, [sp, #4]\n\t"
      "add lr, r3\n\t"
      "ldr r2, [sp, #8]\n\t"
      "subs r2, r2, #1\n\t"
      "str r2, [sp, #8]\n\t"
      "bne 1b\n\t"
      "add sp, #12\n\t"
      "pop {r2}\n\t"
      "mov r3, r8\n\t"
      "mov r4, r9\n\t"
      "mov r5, r10\n\t"
      "mov r6, r11\n\t"
      "stmia r2!, {r3, r4, r5, r6}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#if TG_HAS_END

#if TG_EPILOGUE_GLOW_NARROW
#define TG_DEPTHWISE_PLANE_SUM TG_SUM_NARROW("")
#else
#define TG_DEPTHWISE_PLANE_SUM TG_SUM_LONG(TG_EPILOGUE_GLOW_LONG_LESS)
#endif

/* Sums up to end to outputs. */
static inline void tg_depthwise_plane_s8_finish(const tg_sum_ends *ends, const int32_t *sums, const int32_t *end,
                                                int8_t *output) {
  register const tg_sum_ends *r0 __asm__("r0") = ends;
  register const int32_t *r1 __asm__("r1") = sums;
  register const int32_t *r2 __asm__("r2") = end;
  register int8_t *r3 __asm__("r3") = output;
  __asm__ volatile(TG_SUM_ENDS(TG_DEPTHWISE_PLANE_SUM)
                   : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                   :
                   : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#undef TG_DEPTHWISE_PLANE_SUM

#endif

#else

/* bias + the products of one output's window, which begins at x. */
static int32_t tg_depthwise_plane_s8_sum(const tg_depthwise_plane_s8_window *window, const int32_t *x,
                                         const int32_t *weights, int32_t bias) {
  const int32_t tap = window->tap / 4;
  int32_t sum = bias;
  for (int32_t row = window->rows; row > 0; row--) {
    for (int32_t left = window->taps; left > 0; left--) {
      sum += *x * *weights++;
      x += tap;
    }
    x += window->skip / 4;
  }
  return sum;
}

#endif

/* Lays out a channel's image; channel: its first input. */
static void tg_depthwise_plane_s8_lay_out(const tg_plane *plane, const int8_t *channel, int32_t *to) {
  const int32_t step = plane->along.input_step;
  const int32_t fill = plane->fill;
  const int32_t width = plane->width;
  const int32_t before = tg_min(plane->along.pad, width);
  const int32_t inside = tg_min(plane->along.inputs, width - before);
  for (int32_t row = 0; row < plane->height; row++) {
    const int32_t y = row - plane->across.pad;
    const int32_t *end = to + before;
    if (y >= 0 && y < plane->across.inputs) {
      TG_COMPACT
      while (to != end) {
        *to++ = fill;
      }
      const int8_t *x = channel + y * plane->across.input_step;
      TG_COMPACT
      for (end += inside; to != end; x += step) {
        *to++ = *x;
      }
      end += width - before - inside;
    } else {
      end += width - before;
    }
    TG_COMPACT
    while (to != end) {
      *to++ = fill;
    }
  }
}

/* All outputs of one channel; its weights and its image, from line on, are laid out. words: the bias, and with TG_PER_CHANNEL the scale. */
static void tg_depthwise_plane_s8_outputs(const tg_depthwise_plane_s8_params *p, const tg_plane *plane,
                                          const int32_t *weights, const int32_t *line, const tg_i32 *words,
                                          int8_t *output) {
  const int32_t step = 4 * plane->along.step;
  const int32_t tap = 4 * plane->along.tap;
  const int32_t row = 4 * plane->across.tap * plane->width;
  const int32_t length = tap * plane->along.taps;
  const tg_depthwise_plane_s8_window window = {
      {step, 2 * step, 3 * step}, tap, length, row - length, row, plane->across.taps, plane->along.taps};
  const int32_t bias = words[0];
  const int32_t output_step = plane->along.output_step;
#if TG_HAS_END
  tg_sum_ends ends = {p->act_min, p->act_max, output_step, 0, {0, 0, 0, 0}};
#if TG_EPILOGUE_GLOW_NARROW
  tg_sum_ends_narrow(&ends, words + 1, TG_EPILOGUE_GLOW_CENTER(p->out_offset), TG_EPILOGUE_GLOW_NARROW_BITS,
                     TG_EPILOGUE_GLOW_NARROW_HALF);
#else
  tg_sum_ends_long(&ends, words + 1, TG_EPILOGUE_GLOW_CENTER(p->out_offset));
#endif
#else
  const int32_t min = p->act_min;
  const int32_t max = p->act_max;
#if TG_PER_CHANNEL
  const int32_t center = TG_EPILOGUE_GLOW_CENTER(p->out_offset);
#else
  const int32_t pre = p->out.pre;
  const int32_t multiplier = p->out.multiplier;
  const int32_t round = tg_folded_round(&p->out);
  const int32_t post = p->out.post;
#endif
#endif
  for (int32_t y = plane->across.outputs; y > 0; y--) {
    const int32_t *x = line;
    int8_t *to = output;
    for (int32_t left = plane->along.outputs; left > 0; left -= 4) {
      const int32_t count = tg_min(left, 4);
#if TG_ARMV6M_LOOPS
      int32_t sums[4];
      tg_depthwise_plane_s8_dot(&window, x, weights, bias, sums);
#endif
#if TG_HAS_END
      tg_depthwise_plane_s8_finish(&ends, sums, sums + count, to);
      to += count * output_step;
#else
      TG_COMPACT
      for (int32_t i = 0; i < count; i++) {
#if TG_ARMV6M_LOOPS
        const int32_t sum = sums[i];
#else
        const int32_t sum = tg_depthwise_plane_s8_sum(&window, x + i * plane->along.step, weights, bias);
#endif
#if TG_PER_CHANNEL
        *to = tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum, words + 1, center), min, max);
#else
        *to = tg_requantize_folded(sum, pre, multiplier, round, post, min, max);
#endif
        to += output_step;
      }
#endif
      x += step;
    }
    line += plane->across.step * plane->width;
    output += plane->across.output_step;
  }
}

void tg_depthwise_plane_s8(const tg_depthwise_plane_s8_params *p, const int8_t *input, const int8_t *filter,
                           const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
#if TG_PER_CHANNEL
  const int32_t count = 1 + TG_EPILOGUE_GLOW_WORDS;
#else
  const int32_t count = 1;
#endif
  /* Nothing else reads or writes these words as another type: compilers may keep them in registers. */
  int32_t *const weights = scratch;
  const int32_t taps = p->kernel_h * p->kernel_w;
  int32_t *const words = weights + taps;
  const int32_t in_c = p->in_c;
  const int32_t out_c = p->out_c;
  const tg_plane plane = TG_PLANE_OF(p);
  for (int32_t image = 0; image < p->images; image++) {
    const int8_t *filters = filter;
    const tg_i32 *constants = bias;
    int32_t channel = 0;
    for (int32_t own = 0; own < in_c; own++) {
      tg_depthwise_plane_s8_lay_out(&plane, input + own, words);
      for (; channel * in_c < (own + 1) * out_c; channel++) {
        tg_plane_weights(&plane, filters, p->filter_offset, weights);
        tg_depthwise_plane_s8_outputs(p, &plane, weights, words, constants, output + channel);
        filters += taps;
        constants += count;
      }
    }
    input += p->in_h * p->in_w * in_c;
    output += p->out_h * p->out_w * out_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_HAS_END
