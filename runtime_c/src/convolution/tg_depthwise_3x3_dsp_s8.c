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
  int32_t back; /* from the end of the last row's taps to the window of the next four channels, backwards */
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

/* Sums in r2 to r5 to outputs, of which only the one in r3 is saturated; where they go to r7, the groups left to r8. */
#if TG_EPILOGUE_GLOW_FUSED
#define TG_DEPTHWISE_SATURATE(x) "ssat " x ", #8, " x "\n\t"
#else
#define TG_DEPTHWISE_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)
#endif
/* Where what is added to the products goes; with windows of any size it is there, and r12 stays the work. */
#if TG_ANY_WINDOW
#define TG_DEPTHWISE_CENTER "lr"
#define TG_DEPTHWISE_BEGIN
#define TG_DEPTHWISE_END
#else
#define TG_DEPTHWISE_CENTER "r12"
#define TG_DEPTHWISE_BEGIN "ldr r12, [r12, #16]\n\t"
#define TG_DEPTHWISE_END "ldr r12, [sp]\n\t"
#endif
#define TG_DEPTHWISE_PLACES  \
  "ldr r7, [r12, #20]\n\t" \
  "ldr r8, [r12, #24]\n\t"
#if !TG_EPILOGUE_GLOW_FUSED
/* A channel by its words m and s of tg_epilogue_last.h, with two registers to spare, to which the next ones are loaded. */
#define TG_DEPTHWISE_CHANNEL(x, m, s, h, t, next) \
  "lsl " h ", " TG_DEPTHWISE_CENTER ", " s "\n\t" TG_EPILOGUE_GLOW_PRODUCT(x, t, m, h) \
  next "asr " x ", " x ", " s "\n\t"
#define TG_DEPTHWISE_SCALED \
  "ldm r1!, {r6, r7}\n\t" TG_DEPTHWISE_BEGIN \
  TG_DEPTHWISE_CHANNEL("r2", "r6", "r7", "r8", "r9", "ldm r1!, {r8, r9}\n\t") \
  TG_DEPTHWISE_CHANNEL("r3", "r8", "r9", "r6", "r7", "ldm r1!, {r6, r7}\n\t") \
  TG_DEPTHWISE_CHANNEL("r4", "r6", "r7", "r8", "r9", "ldm r1!, {r8, r9}\n\t") \
  TG_DEPTHWISE_CHANNEL("r5", "r8", "r9", "r6", "r7", TG_DEPTHWISE_END TG_DEPTHWISE_PLACES) \
  TG_DEPTHWISE_SATURATE("r3")
#elif TG_PER_CHANNEL
#define TG_DEPTHWISE_SCALED \
  "ldm r1!, {r6, r7, r8, r9}\n\t" TG_DEPTHWISE_BEGIN \
  "asr r3, r3, r7\n\t" \
  "bic r7, r7, #255\n\t" \
  "asr r2, r2, r6\n\t" \
  "bic r6, r6, #255\n\t" \
  "smmlar r3, r3, r7, " TG_DEPTHWISE_CENTER "\n\t" \
  "asr r5, r5, r9\n\t" \
  "smmlar r2, r2, r6, " TG_DEPTHWISE_CENTER "\n\t" \
  "bic r9, r9, #255\n\t" \
  "asr r4, r4, r8\n\t" \
  "smmlar r5, r5, r9, " TG_DEPTHWISE_CENTER "\n\t" \
  "bic r8, r8, #255\n\t" \
  "smmlar r4, r4, r8, " TG_DEPTHWISE_CENTER "\n\t" \
  TG_DEPTHWISE_END "ssat r3, #8, r3\n\t" TG_DEPTHWISE_PLACES
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
  "ldr r9, [r12, #16]\n\t" TG_DEPTHWISE_PLACES \
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

/* A tap of input x: 10 cycles on the M4, with the end of the loop 13 for one of two. */
#define TG_TAP_AT(x)                   \
  "ldr r12, [r0" x "]\n\t"             \
  "ldr r9, [r1, #4]\n\t"              \
  "ldr r8, [r1], #8\n\t"              \
  "sxtab16 r7, r11, r12, ror #8\n\t"   \
  "sxtab16 r12, r11, r12\n\t"          \
  "smlabb r3, r7, r9, r3\n\t"          \
  "smlabb r2, r12, r8, r2\n\t"         \
  "smlatt r5, r7, r9, r5\n\t"          \
  "smlatt r4, r12, r8, r4\n\t"

/* Rows of taps by pairs, an odd number entered at the second of one; the rows left in r6. The work to r12 at the end. */
#define TG_DEPTHWISE_TAPS              \
  "ldr r12, [sp]\n\t"                  \
  "ldm r1!, {r2, r3, r4, r5}\n\t"      \
  "ldr lr, [r12, #40]\n\t"             \
  "ldr r6, [r12, #44]\n"               \
  "2:\n\t"                             \
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
  "subs r6, r6, #1\n\t"                \
  "beq 5f\n\t"                         \
  "ldr r7, [r12, #48]\n\t"             \
  "ldr lr, [r12, #40]\n\t"             \
  "add r0, r0, r7\n\t"                 \
  "b 2b\n"                             \
  "5:\n\t"                             \
  "ldr r7, [r12, #52]\n\t"             \
  "ldr lr, [r12, #16]\n\t"             \
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
      TG_DEPTHWISE_SATURATE("r2")
      "strb r2, [r7]\n\t"
      TG_DEPTHWISE_SATURATE("r5")
      "strb r5, [r7, #3]\n\t"
      TG_DEPTHWISE_SATURATE("r4")
      "strb r4, [r7, #2]\n\t"
      "subs r8, r8, #1\n\t"
      "add r7, r7, #4\n\t"
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
#if TG_PER_CHANNEL
  tg_depthwise_3x3_dsp_s8_work w = {.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset),
            .output = output,
            .channels = channels,
            .minus_in_offset = tg_pack_halfwords(-p->in_offset, -p->in_offset),
            .row = row};
#else
  tg_depthwise_3x3_dsp_s8_work w = {.pre = p->out.pre,
            .multiplier = p->out.multiplier,
            .half = (int32_t)(((uint32_t)1 << p->out.post) >> 1),
            .post = p->out.post,
            .offset = p->out.offset,
            .output = output,
            .channels = channels,
            .minus_in_offset = tg_pack_halfwords(-p->in_offset, -p->in_offset),
            .row = row};
#endif
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
        w.back = w.rows * w.row - w.skip - 4;
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
#undef TG_DEPTHWISE_CENTER
#undef TG_DEPTHWISE_BEGIN
#undef TG_DEPTHWISE_END
#undef TG_DEPTHWISE_PLACES
#undef TG_DEPTHWISE_CHANNEL
#undef TG_DEPTHWISE_SCALED
