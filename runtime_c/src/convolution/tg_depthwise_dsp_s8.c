/* Depthwise convolution for cores that multiply halves of words: four channels at once. As many outputs as inputs, no
 * dilation.
 *
 * Filter, for every four channels: their biases, and for each tap the weights of channels {0, 2} and {1, 3}, without
 * offset, as halves of two words. The last group is filled up.
 *
 * output = activation(requantize(bias + sum of (input - in_offset) * weight)), where taps outside the image are left
 * out. */
#include "tg_dsp.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* What a group of channels needs besides its inputs and its filter; the code below knows the order. */
typedef struct {
  int32_t pre;
  int32_t multiplier;
  int32_t half;
  int32_t post;
  int32_t offset;
  int8_t *output;
  int32_t groups;
  int32_t channels;
  uint32_t minus_in_offset; /* twice */
  int32_t row;
  uint32_t outside; /* the input's offset, in all four bytes */
} work;

/* The taps of one pixel that lie inside the image. */
typedef struct {
  const int8_t *first;
  int32_t rows;
  int32_t columns;
  int32_t number; /* of the first tap */
} window;

/* Any window, channels from `channel` on. filter: of the group of `channel`. */
static TG_APART void any(const tg_depthwise_dsp_s8_params *p, const work *w, const window *at, const int32_t *filter,
                int32_t channel, int8_t *output) {
  const int32_t taps = p->kernel_h * p->kernel_w;
  const int32_t channels = w->channels;
  const int32_t columns = at->columns;
  const tg_requant out = p->out;
  const uint32_t minus = w->minus_in_offset;
  for (; channel < channels; channel += 4) {
    const int32_t count = tg_min(channels - channel, 4);
    const int32_t *weights = filter + 4 + 2 * at->number;
    const int8_t *row = at->first + channel;
    uint32_t a = (uint32_t)filter[0];
    uint32_t b = (uint32_t)filter[1];
    uint32_t c = (uint32_t)filter[2];
    uint32_t d = (uint32_t)filter[3];
    TG_ROLLED
    for (int32_t y = at->rows; y > 0; y--) {
      const int8_t *x = row;
      TG_ROLLED
      for (int32_t left = columns; left > 0; left--) {
        const uint32_t bytes = tg_load_some(x, count);
        const uint32_t first = (uint32_t)weights[0];
        const uint32_t second = (uint32_t)weights[1];
        const uint32_t even = tg_even_plus(minus, bytes);
        const uint32_t odd = tg_odd_plus(minus, bytes);
        a = tg_dot_low(even, first, a);
        c = tg_dot_high(even, first, c);
        b = tg_dot_low(odd, second, b);
        d = tg_dot_high(odd, second, d);
        weights += 2;
        x += channels;
      }
      weights += 2 * (p->kernel_w - columns);
      row += w->row;
    }
    const uint32_t sums[4] = {a, b, c, d};
    TG_ROLLED
    for (int32_t i = 0; i < count; i++) {
      const int32_t x = tg_requantize((int32_t)sums[i], &out);
      output[channel + i] = tg_activate_s8(x, p->act_min, p->act_max, p->leaky, &p->negative);
    }
    filter += 4 + 2 * taps;
  }
}

#if TG_HAS_DSP

/* One tap, and the loads of the next: 5 cycles on the M7. */
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

/* All nine taps of a pixel lie inside. Sums are requantized and saturated. */
static TG_APART void inside_3x3(work *w, const int8_t *x, const int32_t *filter) {
  register const int8_t *r0 __asm__("r0") = x;
  register const int32_t *r1 __asm__("r1") = filter;
  register work *r2 __asm__("r2") = w;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r2, r7}\n"
      ".p2align 2\n"
      "1:\n\t"
      "ldr r12, [sp]\n\t"
      "add r12, r12, #28\n\t"
      "ldm r12, {r10, r11, lr}\n\t"
      "ldm r1!, {r2, r3, r4, r5}\n\t"
      "ldr r12, [r0]\n\t"
      "ldr r9, [r1, #4]\n\t"
      "ldr r8, [r1]\n\t"
      TG_TAP(", r10", "12", "8", "")
      TG_TAP(", r10, lsl #1", "20", "16", "add r0, r0, lr\n\t")
      TG_TAP("", "28", "24", "")
      TG_TAP(", r10", "36", "32", "")
      TG_TAP(", r10, lsl #1", "44", "40", "add r0, r0, lr\n\t")
      TG_TAP("", "52", "48", "")
      TG_TAP(", r10", "60", "56", "")
      TG_TAP(", r10, lsl #1", "68", "64", "")
      "sxtab16 r7, r11, r12, ror #8\n\t"
      "sxtab16 r6, r11, r12\n\t"
      "smlabb r3, r7, r9, r3\n\t"
      "sub r0, r0, lr, lsl #1\n\t"
      "smlatt r5, r7, r9, r5\n\t"
      "ldr r12, [sp]\n\t"
      "smlabb r2, r6, r8, r2\n\t"
      "add r0, r0, #4\n\t"
      "add r1, r1, #72\n\t"
      "smlatt r4, r6, r8, r4\n\t"
      "ldm r12!, {r6, r7, r8, r9, r10, r11, lr}\n\t"
      "asrs r2, r6\n\t"
      "asrs r3, r6\n\t"
      "mla r2, r2, r7, r8\n\t"
      "asrs r4, r6\n\t"
      "mla r3, r3, r7, r8\n\t"
      "asrs r5, r6\n\t"
      "mla r4, r4, r7, r8\n\t"
      "asr r2, r2, r9\n\t"
      "mla r5, r5, r7, r8\n\t"
      "asr r3, r3, r9\n\t"
      "asr r4, r4, r9\n\t"
      "add r2, r2, r10\n\t"
      "asr r5, r5, r9\n\t"
      "add r3, r3, r10\n\t"
      "add r4, r4, r10\n\t"
      "ssat r2, #8, r2\n\t"
      "add r5, r5, r10\n\t"
      "ssat r3, #8, r3\n\t"
      "strb r2, [r11]\n\t"
      "ssat r4, #8, r4\n\t"
      "strb r3, [r11, #1]\n\t"
      "ssat r5, #8, r5\n\t"
      "strb r4, [r11, #2]\n\t"
      "subs lr, lr, #1\n\t"
      "strb r5, [r11, #3]\n\t"
      "add r11, r11, #4\n\t"
      "str lr, [r12, #-4]\n\t"
      "str r11, [r12, #-8]\n\t"
      "bne 1b\n\t"
      "pop {r2, r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2)
      :
      : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#endif

/* A 3x3 window with what lies outside the image, which is the input's offset, in scratch. */
static TG_APART const int8_t *with_outside(const work *w, const window *at, int8_t *scratch) {
  const int32_t channels = w->channels;
  const uint32_t outside = w->outside;
  const int8_t *row = at->first;
  int8_t *to = scratch;
  to = tg_dsp_set(to, at->number * channels, outside);
  TG_ROLLED
  for (int32_t y = 0; y < at->rows; y++) {
    to = tg_dsp_set(to, y ? (3 - at->columns) * channels : 0, outside);
    to = tg_dsp_copy(to, row + y * w->row, at->columns * channels);
  }
  tg_dsp_set(to, (int32_t)(scratch + 9 * channels - to), outside);
  return scratch;
}

static TG_APART void pixel(const tg_depthwise_dsp_s8_params *p, work *w, const window *at, const int32_t *filter,
                           int8_t *output, int8_t *scratch) {
  int32_t channel = 0;
#if TG_HAS_DSP
  const int32_t plain = p->act_min == INT8_MIN && p->act_max == INT8_MAX && !p->leaky;
  if (plain && p->kernel_h == 3 && p->kernel_w == 3 && w->channels >= 4) {
    const int32_t row = w->row;
    const int8_t *first = at->first;
    if (at->rows < 3 || at->columns < 3) {
      first = with_outside(w, at, scratch);
      w->row = 3 * w->channels;
    }
    w->output = output;
    w->groups = w->channels >> 2;
    inside_3x3(w, first, filter);
    w->row = row;
    channel = w->channels & ~3;
    filter += (w->channels >> 2) * 22;
  }
#else
  (void)scratch;
#endif
  if (channel < w->channels) {
    any(p, w, at, filter, channel, output);
  }
}

void tg_depthwise_dsp_s8(const tg_depthwise_dsp_s8_params *p, const int8_t *input, const int32_t *filter,
                         int8_t *output, int32_t *scratch) {
  work w;
  w.pre = p->out.pre;
  w.multiplier = p->out.multiplier;
  w.half = (int32_t)(((uint32_t)1 << p->out.post) >> 1);
  w.post = p->out.post;
  w.offset = p->out.offset;
  w.channels = p->in_c;
  w.minus_in_offset = tg_halves(-p->in_offset, -p->in_offset);
  w.row = p->in_w * p->in_c;
  w.outside = 0x1010101u * (uint8_t)p->in_offset;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const int32_t first_y = tg_max(-top, 0);
      const int32_t rows = tg_min(p->in_h - top, p->kernel_h) - first_y;
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const int32_t first_x = tg_max(-left, 0);
        const int32_t columns = tg_min(p->in_w - left, p->kernel_w) - first_x;
        const int32_t inside = rows > 0 && columns > 0;
        const int8_t *first = inside ? input + (top + first_y) * w.row + (left + first_x) * w.channels : input;
        const window at = {first, inside ? rows : 0, inside ? columns : 0, inside ? first_y * p->kernel_w + first_x : 0};
        pixel(p, &w, &at, filter, output, (int8_t *)scratch);
        output += w.channels;
      }
    }
    input += p->in_h * w.row;
  }
}
