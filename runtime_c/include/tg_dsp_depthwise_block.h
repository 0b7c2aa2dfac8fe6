/* Depthwise convolution by windows of 3x3, stride 1, for cores that multiply halfwords: four channels at once, and of
 * each a block of 2x2 outputs at a time. At least two rows of outputs, as many channels of them as of the input, a
 * multiple of four; no dilation.
 *
 * A column of words is two columns of pixels with what lies above and below, as halfwords: four words a row, one for each
 * channel. Two neighbouring columns make two columns of outputs. They lie in a strip of scratch, row by row, each row the
 * left one and then the right one; for the next two columns of outputs the strip begins one column of words further, and
 * what was right is left: the new right column takes the places that are free by then. Thus each input is read once, two
 * columns before outputs are written there: the output may take the input's place if it has its shape.
 *
 * Of a row's words (x0, x1) and (x2, x3) the left output takes x0, x1, x2, the right one x1, x2, x3, by weights (w0, w1) and
 * (w1, w2). The input's offset, which padding holds, is folded into the bias. The compiler proves that no requantization
 * wraps, and has no shift before the multiplication: it is the upper half of a product.
 *
 * Filter, of every channel: each row's three bytes and one that does not matter, and the bias.
 *
 * Kernels differ by their parameters, tg_depthwise_block_params, and by TG_DEPTHWISE_BLOCK_SCALES: whether each channel has
 * a scale of its own (see tg_scale_high), a word after its bias, which may have a shift before the multiplication. */
#ifndef TG_DSP_DEPTHWISE_BLOCK_H
#define TG_DSP_DEPTHWISE_BLOCK_H

#include "tg_dsp.h"
#include "tg_numerics.h"

#if TG_DEPTHWISE_BLOCK_SCALES
#define FILTER_WORDS (4 + TG_EPILOGUE_WORDS)
#else
#define FILTER_WORDS 4
#endif

/* Four channels of two columns of outputs; the code below knows the order. */
typedef struct {
  int32_t scale; /* multiplier / 2**post, times 2**32; with TG_DEPTHWISE_BLOCK_SCALES not used */
  int32_t offset;
  int32_t right; /* from a left output to the right one; 0 if there is none */
  int32_t down;  /* from one row of outputs to the next */
  uint32_t minus_offset; /* the filter's, in both halfwords */
  const tg_requant *out;
} work;

#if TG_HAS_DSP && TG_EPILOGUE_DSP

#include "tg_dsp_depthwise_block_end.h"

/* A row of words adds a row of weights (first, last) to the sums of a left and a right output. */
#define TG_FIRST(left, right, first, left_sum, right_sum) \
  "smlatb " right ", r12, " first ", " right_sum "\n\t"   \
  "smlad " left ", r12, " first ", " left_sum "\n\t"
#define TG_LAST(left, right, last)              \
  "smlabt " left ", lr, " last ", " left "\n\t" \
  "smlad " right ", lr, " last ", " right "\n\t"
#define TG_UPPER_FIRST(first) TG_FIRST("r8", "r9", first, "r8", "r9")
#define TG_LOWER_FIRST(first) TG_FIRST("r10", "r11", first, "r10", "r11")
#define TG_UPPER_LAST(last) TG_LAST("r8", "r9", last)
#define TG_LOWER_LAST(last) TG_LAST("r10", "r11", last)

/* A block. r0: the strip's first of four rows, r1: output, r2 to r4: (w0, w1) of each row, r5 to r7: (w1, w2). 62 cycles
 * on the M4, 37 on the M7, which loads beside multiplications. */
#if TG_DUAL_ISSUE
#define TG_BLOCK_2X2                          \
  "ldr r8, [sp]\n\t"                       \
  "ldr r12, [r0, #32]\n\t"                 \
  "ldr lr, [r0, #48]\n\t"                  \
  "ldr r9, [sp, #4]\n\t"                   \
  TG_FIRST("r10", "r11", "r2", "r8", "r8") \
  "cmp r0, r9\n\t"                         \
  TG_FIRST("r8", "r9", "r3", "r8", "r8")   \
  "ldr r12, [r0, #64]\n\t"                 \
  TG_LOWER_LAST("r5")                      \
  TG_UPPER_LAST("r6")                      \
  "ldr lr, [r0, #80]\n\t"                  \
  TG_UPPER_FIRST("r4")                     \
  TG_LOWER_FIRST("r3")                     \
  "ldr r12, [r0, #96]\n\t"                 \
  TG_UPPER_LAST("r7")                      \
  TG_LOWER_LAST("r6")                      \
  "ldr lr, [r0, #112]\n\t"                 \
  TG_LOWER_FIRST("r4")                     \
  "ldr r12, [r0], #64\n\t"                 \
  TG_LOWER_LAST("r7")                      \
  "ldr lr, [r0, #-48]\n\t"                 \
  TG_UPPER_FIRST("r2")                     \
  "ldr r12, [sp, #8]\n\t"                  \
  TG_UPPER_LAST("r5")                      \
  TG_BLOCK_END
#else
#define TG_BLOCK_2X2                          \
  "ldr r8, [sp]\n\t"                       \
  "ldr r9, [sp, #4]\n\t"                   \
  "ldr r12, [r0, #32]\n\t"                 \
  "ldr lr, [r0, #48]\n\t"                  \
  "cmp r0, r9\n\t"                         \
  TG_FIRST("r10", "r11", "r2", "r8", "r8") \
  TG_FIRST("r8", "r9", "r3", "r8", "r8")   \
  TG_LOWER_LAST("r5")                      \
  TG_UPPER_LAST("r6")                      \
  "ldr r12, [r0, #64]\n\t"                 \
  "ldr lr, [r0, #80]\n\t"                  \
  TG_UPPER_FIRST("r4")                     \
  TG_LOWER_FIRST("r3")                     \
  TG_UPPER_LAST("r7")                      \
  TG_LOWER_LAST("r6")                      \
  "ldr r12, [r0, #96]\n\t"                 \
  "ldr lr, [r0, #112]\n\t"                 \
  TG_LOWER_FIRST("r4")                     \
  TG_LOWER_LAST("r7")                      \
  "ldr lr, [r0, #16]\n\t"                  \
  "ldr r12, [r0], #64\n\t"                 \
  TG_UPPER_FIRST("r2")                     \
  TG_UPPER_LAST("r5")                      \
  "ldr r12, [sp, #8]\n\t"                  \
  TG_BLOCK_END
#endif

/* A row of weights, of which r9 is minus the offset: bytes to (w0, w1) in their place, and to (w1, w2). */
#define TG_WEIGHTS(first, last)                 \
  "sxtab16 r8, r9, " first "\n\t"               \
  "sxtab16 " last ", r9, " first ", ror #8\n\t" \
  "pkhbt " first ", r8, " last ", lsl #16\n\t"  \
  "pkhbt " last ", " last ", r8\n\t"

/* count blocks, one below the other, of each of four channels. */
static TG_APART void blocks(const work *w, const tg_u32 *strip, const tg_i32 *filter, int8_t *output, int32_t count) {
  register const work *r0 __asm__("r0") = w;
  register const tg_u32 *r1 __asm__("r1") = strip;
  register const tg_i32 *r2 __asm__("r2") = filter;
  register int8_t *r3 __asm__("r3") = output;
  register int32_t r4 __asm__("r4") = count;
  /* On the stack: 0 bias, 4 where the last block begins, 8 scale, 12 offset, 16 right, 20 down, 24 strip, 28 filter,
   * 32 output, 36 minus the filter's offset, 44 channels left. */
  __asm__ volatile(
      ".syntax unified\n\t"
      "ldm r0, {r8, r9, r10, r11, r12}\n\t"
      "mov lr, #4\n\t"
      TG_BLOCK_ROOM
      "push {r7, lr}\n\t"
      "push {r1, r2, r3, r12}\n\t"
      "add r7, r1, r4, lsl #6\n\t"
      "sub r7, r7, #64\n\t"
      "push {r6, r7, r8, r9, r10, r11}\n"
      "1:\n\t"
      "ldr r12, [sp, #28]\n\t"
      "ldr r0, [sp, #24]\n\t"
      "ldr r1, [sp, #32]\n\t"
      "ldr r9, [sp, #36]\n\t"
      TG_DEPTHWISE_BLOCK_FILTER
      "str r12, [sp, #28]\n\t"
      "str r8, [sp]\n\t"
      TG_WEIGHTS("r2", "r5")
      TG_WEIGHTS("r3", "r6")
      TG_WEIGHTS("r4", "r7")
      ".p2align 2\n"
      "2:\n\t"
      TG_BLOCK_2X2
      "bne 2b\n\t"
      "ldr r1, [sp, #32]\n\t"
      "ldr r12, [sp, #24]\n\t"
      "ldr lr, [sp, #4]\n\t"
      "ldr r2, [sp, #44]\n\t"
      "add r1, r1, #1\n\t"
      "add r12, r12, #4\n\t"
      "add lr, lr, #4\n\t"
      "subs r2, r2, #1\n\t"
      "str r1, [sp, #32]\n\t"
      "str r12, [sp, #24]\n\t"
      "str lr, [sp, #4]\n\t"
      "str r2, [sp, #44]\n\t"
      "bne 1b\n\t"
      "add sp, sp, #40\n\t"
      "pop {r7, lr}\n\t"
      TG_BLOCK_ROOM_BACK
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static int8_t output_of(const work *w, const tg_u32 *x, const tg_i32 *filter, int32_t right) {
  uint32_t sum = (uint32_t)filter[3];
  for (int32_t row = 0; row < 3; row++) {
    const uint32_t even = tg_even_plus(w->minus_offset, (uint32_t)filter[row]);
    const uint32_t odd = tg_odd_plus(w->minus_offset, (uint32_t)filter[row]);
    const uint32_t first = tg_pack_halfwords(tg_half(even, 0), tg_half(odd, 0));
    const uint32_t last = tg_pack_halfwords(tg_half(odd, 0), tg_half(even, 1));
    sum = right ? tg_dot2(x[4], last, tg_dot_low_high(first, x[0], sum))
                : tg_dot_low_high(x[4], last, tg_dot2(x[0], first, sum));
    x += 8;
  }
#if TG_DEPTHWISE_BLOCK_SCALES
  return (int8_t)tg_saturate_s8(TG_EPILOGUE_HIGH((int32_t)sum, filter + 4, w->offset));
#else
  return (int8_t)tg_saturate_s8(tg_epilogue((int32_t)sum, w->out));
#endif
}

static void blocks(const work *w, const tg_u32 *strip, const tg_i32 *filter, int8_t *output, int32_t count) {
  for (int32_t channel = 0; channel < 4; channel++) {
    for (int32_t row = 0; row < 2 * count; row++) {
      const tg_u32 *x = strip + 8 * row + channel;
      int8_t *to = output + row * w->down + channel;
      if (w->right) {
        to[w->right] = output_of(w, x, filter, 1);
      }
      *to = output_of(w, x, filter, 0);
    }
    filter += FILTER_WORDS;
  }
}

#endif

/* Two columns of pixels, by words of four channels, as rows of the strip. Returns where the next row begins. */
static TG_APART tg_u32 *put_rows(const int8_t *left, int32_t left_step, const int8_t *right, int32_t right_step,
                                   int32_t count, tg_u32 *to) {
#if TG_HAS_DSP
  if (count > 0) {
    uint32_t a, b, c, d, e;
    __asm__ volatile(
        ".syntax unified\n"
        "1:\n\t"
        "ldr %[a], [%[left]]\n\t"
        "ldr %[b], [%[right]]\n\t"
        "sxtb16 %[c], %[a]\n\t"
        "sxtb16 %[d], %[b]\n\t"
        "sxtb16 %[a], %[a], ror #8\n\t"
        "sxtb16 %[b], %[b], ror #8\n\t"
        "pkhbt %[e], %[c], %[d], lsl #16\n\t"
        "pkhtb %[c], %[d], %[c], asr #16\n\t"
        "str %[e], [%[to]], #32\n\t"
        "pkhbt %[d], %[a], %[b], lsl #16\n\t"
        "str %[c], [%[to], #-24]\n\t"
        "pkhtb %[a], %[b], %[a], asr #16\n\t"
        "str %[d], [%[to], #-28]\n\t"
        "add %[left], %[left], %[left_step]\n\t"
        "str %[a], [%[to], #-20]\n\t"
        "add %[right], %[right], %[right_step]\n\t"
        "subs %[count], %[count], #1\n\t"
        "bne 1b\n\t"
        : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [left] "+&r"(left),
          [right] "+&r"(right), [count] "+&r"(count), [to] "+&r"(to)
        : [left_step] "r"(left_step), [right_step] "r"(right_step)
        : "cc", "memory");
  }
#else
  for (; count > 0; count--) {
    for (int32_t channel = 0; channel < 4; channel++) {
      to[channel] = tg_pack_halfwords(left[channel], right[channel]);
    }
    left += left_step;
    right += right_step;
    to += 8;
  }
#endif
  return to;
}

/* A column of words: columns left and left + 1 of the image, rows -pad_top to out_h + 1 - pad_top, as far as they exist. */
static TG_SMALL TG_APART void lay_out(const tg_depthwise_block_params *p, const int8_t *image, int32_t left, tg_u32 *to) {
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  const int8_t *none = (const int8_t *)&outside;
  const int32_t step = p->in_w * p->in_c;
  const int32_t has_left = (uint32_t)left < p->in_w;
  const int32_t has_right = (uint32_t)(left + 1) < p->in_w;
  const int32_t above = tg_min(p->pad_top, p->out_h + 2);
  const int32_t inside = tg_min(p->in_h, p->out_h + 2 - above);
  to = put_rows(none, 0, none, 0, above, to);
  to = put_rows(has_left ? image + left * p->in_c : none, has_left ? step : 0, has_right ? image + (left + 1) * p->in_c : none, has_right ? step : 0,
                inside, to);
  put_rows(none, 0, none, 0, p->out_h + 2 - above - inside, to);
}

TG_SMALL
static inline void tg_depthwise_block_convolve(const tg_depthwise_block_params *p, const int8_t *input,
                                               const tg_i32 *filter, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t outputs = p->out_h * p->out_w * channels;
#if TG_DEPTHWISE_BLOCK_SCALES
  work w = {0, TG_EPILOGUE_HIGH_CENTER(p->out_offset), 0, p->out_w * channels, tg_pack_halfwords(-p->filter_offset, -p->filter_offset), 0};
#else
  work w = {(int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post)),
            p->out.offset,
            0,
            p->out_w * channels,
            tg_pack_halfwords(-p->filter_offset, -p->filter_offset),
            &p->out};
#endif
  for (int32_t image = 0; image < p->images; image++) {
    TG_COMPACT
    for (int32_t channel = 0; channel < channels; channel += 4) {
      const tg_i32 *weights = filter + FILTER_WORDS * channel;
      tg_u32 *strip = (tg_u32 *)scratch;
      int32_t left = -p->pad_left;
      lay_out(p, input + channel, left, strip);
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += 2) {
        int8_t *to = output + x * channels + channel;
        left += 2;
        lay_out(p, input + channel, left, strip + 4);
        w.right = x + 1 < p->out_w ? channels : 0;
        blocks(&w, strip, weights, to, p->out_h >> 1);
        if (p->out_h & 1) {
          /* The last two rows, of which the first is there already. */
          blocks(&w, strip + 8 * (p->out_h - 2), weights, to + (p->out_h - 2) * w.down, 1);
        }
        strip += 4;
      }
    }
#if TG_DEPTHWISE_BLOCK_SCALES
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
#else
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
      TG_COMPACT
      for (int32_t i = outputs - 1; i >= 0; i--) {
        output[i] = tg_clamp_s8(output[i], p->act_min, p->act_max);
      }
    }
#endif
    input += p->in_h * p->in_w * channels;
    output += outputs;
  }
}

#endif
