/* Depthwise convolution by windows of 3x3 for cores that multiply halfwords: four channels at once. As many outputs
 * as inputs, a multiple of four; no dilation. With TG_ANY_WINDOW, windows of any size.
 *
 * Filter, for every four channels: their biases, and for each tap the weights of channels {0, 2} and {1, 3}, without
 * offset, as halfwords of two words.
 *
 * output = clamp(requantize(bias + sum of (input - in_offset) * weight)), where a tap outside the image is in_offset.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of four channels after their weights. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0
#define TG_ANY_WINDOW 0

#if TG_ANY_WINDOW
#define TG_KERNEL_H(p) ((p)->kernel_h)
#define TG_KERNEL_W(p) ((p)->kernel_w)
#else
#define TG_KERNEL_H(p) 3
#define TG_KERNEL_W(p) 3
#endif

/* What a pixel is computed from; the code below knows the order. With TG_PER_CHANNEL, pre to post are not used. */
typedef struct {
  int32_t pre;
  int32_t multiplier;
  int32_t half;
  int32_t post;
  int32_t offset;
  int8_t *output;
  int32_t groups;   /* of channels */
  int32_t channels; /* from one tap to the next in a row */
  uint32_t minus_in_offset; /* in both halfwords */
  int32_t row; /* from one row to the next */
#if TG_ANY_WINDOW
  int32_t columns; /* taps of a row */
  int32_t rows;
  int32_t skip; /* from the end of a row's taps to the next row */
  int32_t back; /* from the end of the last row to the window of the next four channels, backwards */
#endif
} tg_depthwise_3x3_dsp_s8_work;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* One tap, and the loads of the next: 5 cycles on the M7, 10 on the M4. */
#if TG_DUAL_ISSUE
#define TG_TAP(next_x, next_w2, next_w, slot) \
  "sxtab16 r7, r11, r12, ror #8\n\t"          \
  "sxtab16 r6, r11, r12\n\t"                  \
  "smlabb r3, r7, r9, r3\n\t"                 \
  "ldr r12, [r0" next_x "]\n\t"               \
  "smlatt r5, r7, r9, r5\n\t" slot            \
  "smlabb r2, r6, r8, r2\n\t"                 \
  "ldr r9, [r1, #" next_w2 "]\n\t"            \
  "smlatt r4, r6, r8, r4\n\t"                 \
  "ldr r8, [r1, #" next_w "]\n\t"
#else
#define TG_TAP(next_x, next_w2, next_w, slot) \
  "sxtab16 r7, r11, r12, ror #8\n\t"          \
  "sxtab16 r6, r11, r12\n\t"                  \
  "smlabb r3, r7, r9, r3\n\t"                 \
  "smlatt r5, r7, r9, r5\n\t"                 \
  "smlabb r2, r6, r8, r2\n\t"                 \
  "smlatt r4, r6, r8, r4\n\t"                 \
  "ldr r12, [r0" next_x "]\n\t"               \
  "ldr r9, [r1, #" next_w2 "]\n\t"            \
  "ldr r8, [r1, #" next_w "]\n\t" slot
#endif

/* Sums in r2 to r5 to outputs, of which only the one in r3 is saturated; where they go to r7, the groups left to r8. The work
 * is in r12 before and after. */
#define TG_DEPTHWISE_PLACES "ldr r7, [r12, #20]\n\tldr r8, [r12, #24]\n\t"
#if TG_EPILOGUE_GLOW_FUSED
#define TG_DEPTHWISE_SATURATE(x) "ssat " x ", #8, " x "\n\t"
#else
#define TG_DEPTHWISE_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)
#endif
#if !TG_EPILOGUE_GLOW_FUSED && TG_EPILOGUE_GLOW_SHIFTED
/* Two channels at a time by the words of tg_epilogue_last.h, of which m and p are in r6 and r7, r8 and r9. What is added to
 * products is in lr, to be shifted into r10; both are loaded again at the end. */
#define TG_DEPTHWISE_WORDS(m1, p1, m2, p2)            \
  "ldr r7, [r1, #" p1 "]\n\tldr r6, [r1, #" m1 "]\n\t" \
  "ldr r9, [r1, #" p2 "]\n\tldr r8, [r1, #" m2 "]\n\t"
#define TG_DEPTHWISE_TWO(x1, x2)                                       \
  "lsl r10, lr, r7\n\t" TG_EPILOGUE_GLOW_PRODUCT(x1, "r10", "r6", "r10") \
  "lsl r10, lr, r9\n\t" TG_EPILOGUE_GLOW_PRODUCT(x2, "r10", "r8", "r10") \
  "asr " x1 ", " x1 ", r7\n\tasr " x2 ", " x2 ", r9\n\t"
#define TG_DEPTHWISE_SCALED                                                                                \
  "ldr lr, [r12, #16]\n\t" TG_DEPTHWISE_WORDS("0", "4", "8", "12") TG_DEPTHWISE_TWO("r2", "r3")            \
  TG_DEPTHWISE_WORDS("16", "20", "24", "28") TG_DEPTHWISE_SATURATE("r3") TG_DEPTHWISE_TWO("r4", "r5")      \
  TG_DEPTHWISE_PLACES "ldr r10, [r12, #28]\n\tldr lr, [r12, #36]\n\tadd r1, r1, #32\n\t"
#elif !TG_EPILOGUE_GLOW_FUSED
/* A channel by the words of tg_epilogue_last.h. */
#define TG_DEPTHWISE_CHANNEL(x) \
  "ldm r1!, {r6, r7}\n\t" \
  "lsl r8, r12, r7\n\t" TG_EPILOGUE_GLOW_PRODUCT(x, "r9", "r6", "r8") \
  "asr " x ", " x ", r7\n\t"
#define TG_DEPTHWISE_SCALED \
  "ldr r12, [r12, #16]\n\t" \
  TG_DEPTHWISE_CHANNEL("r2") TG_DEPTHWISE_CHANNEL("r3") TG_DEPTHWISE_CHANNEL("r4") TG_DEPTHWISE_CHANNEL("r5") \
  "ldr r12, [sp]\n\t" \
  TG_DEPTHWISE_SATURATE("r3") \
  TG_DEPTHWISE_PLACES
#elif TG_PER_CHANNEL
#define TG_DEPTHWISE_SCALED \
  "ldm r1!, {r6, r7, r8, r9}\n\t" \
  "asr r3, r3, r7\n\t" \
  "ldr r12, [r12, #16]\n\t" \
  "bic r7, r7, #255\n\t" \
  "asr r2, r2, r6\n\t" \
  "bic r6, r6, #255\n\t" \
  "smmlar r3, r3, r7, r12\n\t" \
  "asr r5, r5, r9\n\t" \
  "smmlar r2, r2, r6, r12\n\t" \
  "bic r9, r9, #255\n\t" \
  "asr r4, r4, r8\n\t" \
  "smmlar r5, r5, r9, r12\n\t" \
  "bic r8, r8, #255\n\t" \
  "smmlar r4, r4, r8, r12\n\t" \
  "ldr r12, [sp]\n\t" \
  "ssat r3, #8, r3\n\t" \
  TG_DEPTHWISE_PLACES
#else
#define TG_DEPTHWISE_SCALED \
  "ldm r12, {r6, r7, r8}\n\t" \
  "asr r3, r3, r6\n\t" \
  "asr r2, r2, r6\n\t" \
  "mla r3, r3, r7, r8\n\t" \
  "asr r5, r5, r6\n\t" \
  "mla r2, r2, r7, r8\n\t" \
  "asr r4, r4, r6\n\t" \
  "mla r5, r5, r7, r8\n\t" \
  "ldr r6, [r12, #12]\n\t" \
  "mla r4, r4, r7, r8\n\t" \
  "ldr r9, [r12, #16]\n\t" \
  TG_DEPTHWISE_PLACES \
  "asr r3, r3, r6\n\t" \
  "asr r2, r2, r6\n\t" \
  "asr r5, r5, r6\n\t" \
  "asr r4, r4, r6\n\t" \
  "add r3, r3, r9\n\t" \
  "add r2, r2, r9\n\t" \
  "add r5, r5, r9\n\t" \
  "ssat r3, #8, r3\n\t" \
  "add r4, r4, r9\n\t"
#endif

#if TG_ANY_WINDOW

/* A tap of input x: 11 cycles on the M4, with the end of the loop 14 for one of two. */
#define TG_TAP_AT(x)                   \
  "ldr r12, [r0" x "]\n\t"             \
  "ldrd r8, r9, [r1], #8\n\t"          \
  "sxtab16 r7, r11, r12, ror #8\n\t"   \
  "sxtab16 r6, r11, r12\n\t"           \
  "smlabb r3, r7, r9, r3\n\t"          \
  "smlabb r2, r6, r8, r2\n\t"          \
  "smlatt r5, r7, r9, r5\n\t"          \
  "smlatt r4, r6, r8, r4\n\t"

/* Rows of taps by pairs, an odd number entered at the second of one; the rows left in the stack's second word. The work to
 * r12 at the end. */
#define TG_DEPTHWISE_TAPS              \
  "ldm r1!, {r2, r3, r4, r5}\n\t"      \
  "ldr r12, [sp]\n\t"                  \
  "ldr r6, [r12, #44]\n\t"             \
  "str r6, [sp, #4]\n"                 \
  "2:\n\t"                             \
  "ldr lr, [r12, #40]\n\t"             \
  "lsrs lr, lr, #1\n\t"                \
  "bcc 3f\n\t"                         \
  "add lr, lr, #1\n\t"                 \
  "sub r0, r0, r10\n\t"                \
  "b 4f\n"                             \
  "3:\n\t"                             \
  TG_TAP_AT("")                        \
  "4:\n\t"                             \
  TG_TAP_AT(", r10")                   \
  "subs lr, lr, #1\n\t"                \
  "add r0, r0, r10, lsl #1\n\t"        \
  "bne 3b\n\t"                         \
  "ldr r12, [sp]\n\t"                  \
  "ldr r6, [sp, #4]\n\t"               \
  "ldr r7, [r12, #48]\n\t"             \
  "subs r6, r6, #1\n\t"                \
  "add r0, r0, r7\n\t"                 \
  "str r6, [sp, #4]\n\t"               \
  "bne 2b\n\t"                         \
  "ldr r7, [r12, #52]\n\t"             \
  "sub r0, r0, r7\n\t"

#else

/* 45 cycles on the M7, and 25 for the rest. */
#define TG_DEPTHWISE_TAPS                              \
  "ldr r12, [r0]\n\t"                                  \
  "ldm r1!, {r2, r3, r4, r5}\n\t"                      \
  "ldr r9, [r1, #4]\n\t"                               \
  "ldr r8, [r1]\n\t"                                   \
  TG_TAP(", r10", "12", "8", "")                       \
  TG_TAP(", r10, lsl #1", "20", "16", "add r0, r0, lr\n\t") \
  TG_TAP("", "28", "24", "")                           \
  TG_TAP(", r10", "36", "32", "")                      \
  TG_TAP(", r10, lsl #1", "44", "40", "add r0, r0, lr\n\t") \
  TG_TAP("", "52", "48", "")                           \
  TG_TAP(", r10", "60", "56", "")                      \
  TG_TAP(", r10, lsl #1", "68", "64", "")              \
  "sxtab16 r7, r11, r12, ror #8\n\t"                   \
  "sxtab16 r6, r11, r12\n\t"                           \
  "smlabb r3, r7, r9, r3\n\t"                          \
  "ldr r12, [sp]\n\t"                                  \
  "smlatt r5, r7, r9, r5\n\t"                          \
  "sub r0, r0, lr, lsl #1\n\t"                         \
  "smlabb r2, r6, r8, r2\n\t"                          \
  "add r0, r0, #4\n\t"                                 \
  "smlatt r4, r6, r8, r4\n\t"                          \
  "add r1, r1, #72\n\t"

#endif

/* All channels of a pixel; x: the first input of its window. */
static TG_APART void tg_depthwise_3x3_dsp_s8_pixel(tg_depthwise_3x3_dsp_s8_work *w, const int8_t *x,
                                                   const tg_i32 *filter) {
  register const int8_t *r0 __asm__("r0") = x;
  register const tg_i32 *r1 __asm__("r1") = filter;
  register tg_depthwise_3x3_dsp_s8_work *r2 __asm__("r2") = w;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r2, r3, r7}\n\t"
      "add r12, r2, #28\n\t"
      "ldm r12, {r10, r11, lr}\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_DEPTHWISE_TAPS
      TG_DEPTHWISE_SCALED
      "strb r3, [r7, #1]\n\t"
      TG_DEPTHWISE_SATURATE("r5")
      "strb r5, [r7, #3]\n\t"
      TG_DEPTHWISE_SATURATE("r4")
      "strb r4, [r7, #2]\n\t"
      TG_DEPTHWISE_SATURATE("r2")
      "strb r2, [r7], #4\n\t"
      "subs r8, r8, #1\n\t"
      "str r8, [r12, #24]\n\t"
      "str r7, [r12, #20]\n\t"
      "bne 1b\n\t"
      "pop {r2, r3, r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2)
      :
      : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_depthwise_3x3_dsp_s8_pixel(tg_depthwise_3x3_dsp_s8_work *w, const int8_t *x, const tg_i32 *filter) {
  for (; w->groups > 0; w->groups--) {
    uint32_t sums[4] = {(uint32_t)filter[0], (uint32_t)filter[1], (uint32_t)filter[2], (uint32_t)filter[3]};
    filter += 4;
#if TG_ANY_WINDOW
    const int32_t columns = w->columns;
    const int32_t taps = w->rows * columns;
#else
    const int32_t columns = 3;
    const int32_t taps = 9;
#endif
    const int8_t *from = x;
    int32_t column = 0;
    for (int32_t tap = 0; tap < taps; tap++) {
      const uint32_t bytes = tg_load4(from + column * w->channels);
      if (++column == columns) {
        column = 0;
        from += w->row;
      }
      const uint32_t even = tg_even_plus(w->minus_in_offset, bytes);
      const uint32_t odd = tg_odd_plus(w->minus_in_offset, bytes);
      sums[0] = tg_dot_low(even, (uint32_t)filter[0], sums[0]);
      sums[1] = tg_dot_low(odd, (uint32_t)filter[1], sums[1]);
      sums[2] = tg_dot_high(even, (uint32_t)filter[0], sums[2]);
      sums[3] = tg_dot_high(odd, (uint32_t)filter[1], sums[3]);
      filter += 2;
    }
    for (int32_t i = 0; i < 4; i++) {
#if TG_PER_CHANNEL
      const int32_t scaled = TG_EPILOGUE_GLOW_HIGH((int32_t)sums[i], filter, w->offset);
      filter += TG_EPILOGUE_GLOW_WORDS;
#else
      const tg_requant out = {w->multiplier, w->offset, (uint8_t)w->pre, (uint8_t)w->post};
      const int32_t scaled = tg_epilogue_glow((int32_t)sums[i], &out);
#endif
      *w->output++ = (int8_t)tg_saturate_s8(scaled);
    }
    x += 4;
  }
}

#endif

/* Copies the window at (top, left) to a place of its own, with what lies outside the image. */
static TG_SMALL TG_APART void tg_depthwise_3x3_dsp_s8_gather(const tg_depthwise_3x3_dsp_s8_params *p,
                                                             const int8_t *image, int32_t top, int32_t left,
                                                             int8_t *to) {
  const int32_t channels = p->in_c;
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  const int32_t begin = tg_min(tg_max(-left, 0), TG_KERNEL_W(p));
  const int32_t inside = tg_max(tg_min(p->in_w - left, TG_KERNEL_W(p)) - begin, 0);
  TG_COMPACT
  for (int32_t y = top; y < top + TG_KERNEL_H(p); y++) {
    int32_t behind = TG_KERNEL_W(p);
    if (y >= 0 && y < p->in_h && inside > 0) {
      to = tg_dsp_set(to, begin * channels, outside);
      to = tg_dsp_copy(to, image + (y * p->in_w + left + begin) * channels, inside * channels);
      behind -= begin + inside;
    }
    to = tg_dsp_set(to, behind * channels, outside);
  }
}

TG_SMALL
void tg_depthwise_3x3_dsp_s8(const tg_depthwise_3x3_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                             int8_t *output, tg_i32 *scratch) {
  int8_t *window = (int8_t *)scratch;
  const int32_t channels = p->in_c;
  const int32_t row = p->in_w * channels;
  const int32_t outputs = p->out_h * p->out_w * channels;
  tg_depthwise_3x3_dsp_s8_work w = {
#if TG_PER_CHANNEL
      .offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset),
#else
      .pre = p->out.pre,
      .multiplier = p->out.multiplier,
      .half = (int32_t)(((uint32_t)1 << p->out.post) >> 1),
      .post = p->out.post,
      .offset = p->out.offset,
#endif
      .output = output,
      .channels = channels,
      .minus_in_offset = tg_pack_halfwords(-p->in_offset, -p->in_offset),
      .row = row};
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = p->out_h; y > 0; y--) {
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = p->out_w; x > 0; x--) {
        const int8_t *first = window;
        if (top >= 0 && left >= 0 && top + TG_KERNEL_H(p) <= p->in_h && left + TG_KERNEL_W(p) <= p->in_w) {
          first = input + (top * row + left * channels);
          w.row = row;
        } else {
          tg_depthwise_3x3_dsp_s8_gather(p, input, top, left, window);
          w.row = TG_KERNEL_W(p) * channels;
        }
#if TG_ANY_WINDOW
        /* A column of taps counts as a row. */
        const int32_t is_column = p->kernel_w == 1;
        w.channels = is_column ? w.row : channels;
        w.columns = is_column ? p->kernel_h : p->kernel_w;
        w.rows = is_column ? 1 : p->kernel_h;
        w.skip = w.row - w.columns * w.channels;
        w.back = w.rows * w.row - 4;
#endif
        w.groups = channels >> 2;
        tg_depthwise_3x3_dsp_s8_pixel(&w, first, filter);
        left += p->stride_w;
      }
      top += p->stride_h;
    }
#if TG_PER_CHANNEL
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
#else
    /* Seldom needed, so small: a network with offsets has its ReLUs at the ends of int8. */
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
      TG_COMPACT
      for (int32_t i = 0; i < outputs; i++) {
        output[i] = tg_clamp_s8(output[i], p->act_min, p->act_max);
      }
    }
#endif
    input += p->in_h * row;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_ANY_WINDOW
#undef TG_KERNEL_H
#undef TG_KERNEL_W
#undef TG_TAP
#undef TG_TAP_AT
#undef TG_DEPTHWISE_TAPS
#undef TG_DEPTHWISE_SATURATE
#undef TG_DEPTHWISE_CHANNEL
#undef TG_DEPTHWISE_TWO
#undef TG_DEPTHWISE_WORDS
#undef TG_DEPTHWISE_PLACES
#undef TG_DEPTHWISE_SCALED
