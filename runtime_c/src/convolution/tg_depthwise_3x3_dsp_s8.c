/* Depthwise convolution by windows of 3x3 for cores that multiply halfwords: four channels at once. As many outputs
 * as inputs, a multiple of four; no dilation. With TG_ANY_WINDOW, windows of any size.
 *
 * Filter, for every four channels: their biases, and for each tap a word of their weights, bytes. The input's offset, which
 * padding holds, is folded into the bias. With TG_ANY_WINDOW it is not, and weights are without offset: those of channels
 * {0, 2} and {1, 3}, as halfwords of two words.
 *
 * output = clamp(requantize(bias + sum of input * (weight - filter_offset))), with TG_ANY_WINDOW of (input - in_offset) * weight.
 *
 * Where windows move by two pixels, those inside the image are computed in blocks of 2x2, channel by channel
 * (tg_dsp_strided.h). As many rows are at once as lie before all that their windows read, if the output begins where the input
 * does: it may lie there as if it were written pixel by pixel.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of four channels after their weights. */
#include "tg_dsp.h"
#include "tg_dsp_strided.h"
#include "tg_dsp_taps.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0
#define TG_ANY_WINDOW 0

#if TG_PER_CHANNEL
#define TG_SCALE_WORDS TG_EPILOGUE_GLOW_WORDS
#else
#define TG_SCALE_WORDS 0
#endif

#if TG_ANY_WINDOW
#define TG_DEPTHWISE_TAPS TG_TAPS_OF_WINDOW
#define TG_KERNEL_H(p) ((p)->kernel_h)
#define TG_KERNEL_W(p) ((p)->kernel_w)
#else
#define TG_DEPTHWISE_TAPS TG_TAPS_OF_3X3
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
  uint32_t minus_offset; /* the filter's, with TG_ANY_WINDOW the input's; in both halfwords */
  int32_t row; /* from one row to the next */
#if TG_ANY_WINDOW
  int32_t columns; /* taps of a row */
  int32_t rows;
  int32_t skip; /* from the end of a row's taps to the next row */
  int32_t back; /* from the end of the last row to the window of the next four channels, backwards */
#endif
} tg_depthwise_3x3_dsp_s8_work;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* Sums in r2 to r5 to outputs, see TG_TAPS_SCALED_HIGH. */
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
  TG_TAPS_PLACES "ldr r10, [r12, #28]\n\tldr lr, [r12, #36]\n\tadd r1, r1, #32\n\t"
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
  TG_TAPS_PLACES
#elif TG_PER_CHANNEL
#define TG_DEPTHWISE_SCALED TG_TAPS_SCALED_HIGH
#else
#define TG_DEPTHWISE_SCALED TG_TAPS_SCALED_PLAIN
#endif

#if !TG_ANY_WINDOW

/* A channel's own numbers, and sums of a block by them to outputs, see tg_dsp_strided.h. */
#if !TG_EPILOGUE_GLOW_FUSED && TG_EPILOGUE_GLOW_SHIFTED
#define TG_STRIDED_OWN \
  TG_STRIDED_OWN_LAST(TG_EPILOGUE_GLOW_SPARING_BIAS("r9")) TG_STRIDED_WEIGHTS(TG_EPILOGUE_GLOW_SPARING_WEIGHTS)
#define TG_STRIDED_PRODUCT(x) TG_EPILOGUE_GLOW_SPARING_PRODUCT(x, "lr", "r12")
#define TG_STRIDED_PLUS(x) TG_EPILOGUE_GLOW_SPARING_PLUS(x, "lr")
#define TG_STRIDED_SCALED                                                                     \
  TG_STRIDED_LATE "ldr lr, [sp, #8]\n\t" TG_STRIDED_ALL(TG_STRIDED_PRODUCT)                   \
  TG_EPILOGUE_GLOW_SPARING_AGAIN("ldr lr, [sp, #8]\n\t") TG_STRIDED_ALL(TG_STRIDED_PLUS)      \
  "ldr r12, [sp, #12]\n\t" TG_STRIDED_PLACE TG_STRIDED_ALL(TG_STRIDED_SHIFT)
#elif !TG_EPILOGUE_GLOW_FUSED
#define TG_STRIDED_OWN TG_STRIDED_OWN_TIE
#define TG_STRIDED_PRODUCT(x) TG_EPILOGUE_GLOW_PRODUCT(x, "lr", "r12", "r0")
#define TG_STRIDED_SCALED                                                                     \
  "str r0, [sp, #52]\n\t"                                                                     \
  TG_STRIDED_LATE "ldr r0, [sp, #8]\n\t" TG_STRIDED_ALL(TG_STRIDED_PRODUCT)                   \
  "ldr r0, [sp, #52]\n\t" TG_STRIDED_PLACE
#elif TG_PER_CHANNEL
#define TG_STRIDED_OWN TG_STRIDED_OWN_HIGH
#define TG_STRIDED_SCALED TG_STRIDED_SCALED_HIGH
#else
#define TG_STRIDED_OWN TG_STRIDED_OWN_PLAIN
#define TG_STRIDED_SCALED TG_STRIDED_SCALED_PLAIN
#endif

static TG_APART void tg_depthwise_3x3_dsp_s8_blocks(tg_dsp_strided *strided, const tg_depthwise_3x3_dsp_s8_work *w) {
  register tg_dsp_strided *r0 __asm__("r0") = strided;
  (void)w;
  __asm__ volatile(
      ".syntax unified\n\t"
      TG_STRIDED_BEGIN
      "2:\n\t"
      TG_STRIDED_OWN
      ".p2align 2\n"
      "1:\n\t"
      TG_STRIDED_SUMS
      TG_STRIDED_SCALED
      TG_STRIDED_STORE(TG_DEPTHWISE_SATURATE)
      "bne 1b\n\t"
      TG_STRIDED_NEXT("1b", "2b")
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

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

/* A sum by the constants of its channel. */
static inline int8_t tg_depthwise_3x3_dsp_s8_scaled(const tg_depthwise_3x3_dsp_s8_work *w, uint32_t sum,
                                                    const tg_i32 *scale) {
#if TG_PER_CHANNEL
  const int32_t scaled = TG_EPILOGUE_GLOW_HIGH((int32_t)sum, scale, w->offset);
#else
  const tg_requant out = {w->multiplier, w->offset, (uint8_t)w->pre, (uint8_t)w->post};
  const int32_t scaled = tg_epilogue_glow((int32_t)sum, &out);
  (void)scale;
#endif
  return (int8_t)tg_saturate_s8(scaled);
}

static void tg_depthwise_3x3_dsp_s8_pixel(tg_depthwise_3x3_dsp_s8_work *w, const int8_t *x, const tg_i32 *filter) {
  for (; w->groups > 0; w->groups--) {
    tg_u32 sums[4] = {(uint32_t)filter[0], (uint32_t)filter[1], (uint32_t)filter[2], (uint32_t)filter[3]};
#if TG_ANY_WINDOW
    const tg_dsp_taps_window window = {w->channels, w->row, w->rows, w->columns, w->minus_offset};
#else
    const tg_dsp_taps_window window = {w->channels, w->row, 3, 3, w->minus_offset};
#endif
    filter = tg_dsp_taps_sums(&window, x, filter + 4, !TG_ANY_WINDOW, sums);
    for (int32_t i = 0; i < 4; i++) {
      *w->output++ = tg_depthwise_3x3_dsp_s8_scaled(w, sums[i], filter);
      filter += TG_SCALE_WORDS;
    }
    x += 4;
  }
}

#endif

#if !TG_ANY_WINDOW && !(TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP)

/* A channel's outputs one after the other. */
static TG_APART void tg_depthwise_3x3_dsp_s8_channel(const tg_dsp_strided *s, const tg_depthwise_3x3_dsp_s8_work *w) {
  const tg_i32 *scale = s->filter + 13 + s->channel * TG_SCALE_WORDS;
  tg_i32 weights[9];
  tg_dsp_strided_weights(s, weights);
  const int8_t *x = s->input + s->channel - s->row;
  int8_t *output = s->output + s->channel;
  TG_COMPACT
  for (int32_t y = 0; y < 2 * s->rows; y++) {
    TG_COMPACT
    for (int32_t i = 0; 2 * i < s->width; i += s->channels) {
      output[i] = tg_depthwise_3x3_dsp_s8_scaled(w, tg_dsp_strided_sum(s, x + 2 * i, weights), scale);
    }
    x += 2 * s->row;
    output += s->down;
  }
}

static void tg_depthwise_3x3_dsp_s8_blocks(tg_dsp_strided *s, const tg_depthwise_3x3_dsp_s8_work *w) {
  for (; s->channel < 4; s->channel++) {
    tg_depthwise_3x3_dsp_s8_channel(s, w);
  }
}

#endif

#if !TG_ANY_WINDOW

/* The middle's outputs of rows from y on. Returns how many rows. */
static TG_SMALL TG_APART int32_t tg_depthwise_3x3_dsp_s8_rows(const tg_depthwise_3x3_dsp_s8_params *p,
                                                              const tg_depthwise_3x3_dsp_s8_work *w,
                                                              const tg_dsp_middle *middle, int32_t y,
                                                              const int8_t *input, const tg_i32 *filter) {
  const int32_t channels = w->channels;
  const int32_t row = p->in_w * channels;
  const int32_t top = 2 * y - p->pad_top;
  const int32_t rows = (tg_min(top * p->in_w / p->out_w, middle->bottom) - y) & ~1;
  if (rows <= 0) {
    return 0;
  }
  const int32_t down = p->out_w * channels;
  const int32_t width = middle->columns * channels;
  tg_dsp_strided s = {.input = input + (top + 1) * row + (2 * middle->left - p->pad_left) * channels,
                      .channels = channels,
                      .row = row,
                      .filter = filter,
                      .output = w->output + middle->left * channels,
                      .width = 2 * width,
                      .rows = rows >> 1,
                      .minus_offset = w->minus_offset,
#if TG_PER_CHANNEL
                      .center = w->offset,
#else
                      .multiplier = w->multiplier,
                      .half = w->half,
                      .post = w->post,
                      .pre = w->pre,
                      .offset = w->offset,
#endif
                      .down = down,
                      .input_skip = 4 * row - 2 * width,
                      .output_skip = 2 * down - width};
  TG_COMPACT
  for (int32_t group = 0; group < channels; group += 4) {
    s.channel = 0;
    tg_depthwise_3x3_dsp_s8_blocks(&s, w);
    s.input += 4;
    s.output += 4;
    s.filter += 13 + 4 * TG_SCALE_WORDS;
  }
  return rows;
}

#endif

TG_SMALL
void tg_depthwise_3x3_dsp_s8(const tg_depthwise_3x3_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                             int8_t *output, tg_i32 *scratch) {
  int8_t *window = (int8_t *)scratch;
  uint32_t shape = UINT32_MAX; /* of what lies there */
  const tg_dsp_image around = {p->in_h, p->in_w, p->in_c, TG_KERNEL_H(p), TG_KERNEL_W(p), p->in_offset};
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
#if TG_ANY_WINDOW
      .minus_offset = tg_pack_halfwords(-p->in_offset, -p->in_offset),
#else
      .minus_offset = tg_pack_halfwords(-p->filter_offset, -p->filter_offset),
#endif
      .row = row};
  tg_dsp_middle middle = {(p->pad_left + 1) >> 1, 0, tg_min((p->in_h - 1 + p->pad_top) >> 1, p->out_h)};
#if !TG_ANY_WINDOW
  if (p->stride_h == 2 && p->stride_w == 2) {
    middle.columns = (tg_min((p->in_w - 1 + p->pad_left) >> 1, p->out_w) - middle.left) & ~1;
  }
#endif
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    int32_t there = 0; /* rows whose middle is */
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y++) {
      int32_t left = -p->pad_left;
#if !TG_ANY_WINDOW
      if (there == 0 && middle.columns > 0) {
        there = tg_depthwise_3x3_dsp_s8_rows(p, &w, &middle, y, input, filter);
      }
#endif
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x++) {
        const int8_t *first = window;
        if (there > 0 && x == middle.left) {
          x += middle.columns - 1;
          left += 2 * middle.columns;
          w.output += middle.columns * channels;
          continue;
        }
        if (top >= 0 && left >= 0 && top + TG_KERNEL_H(p) <= p->in_h && left + TG_KERNEL_W(p) <= p->in_w) {
          first = input + (top * row + left * channels);
          w.row = row;
        } else {
          shape = tg_dsp_gather(&around, input, top, left, window, shape);
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
      there -= there > 0;
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
#undef TG_SCALE_WORDS
#undef TG_STRIDED_OWN
#undef TG_STRIDED_PRODUCT
#undef TG_STRIDED_PLUS
#undef TG_STRIDED_SCALED
#undef TG_KERNEL_H
#undef TG_KERNEL_W
#undef TG_DEPTHWISE_TAPS
#undef TG_DEPTHWISE_SATURATE
#undef TG_DEPTHWISE_CHANNEL
#undef TG_DEPTHWISE_TWO
#undef TG_DEPTHWISE_WORDS
#undef TG_DEPTHWISE_SCALED
