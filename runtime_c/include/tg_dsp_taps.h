/* Taps of a depthwise window, of four channels at once, in the instructions of the DSP extension and in C, and the window's
 * copy where the image cuts it, for tg_depthwise_3x3_dsp_s8. r0: the window's first input, r1: its filter, r10: from one tap to the next, lr: from one row to the
 * next; r11: minus the offset of weights, or of inputs where windows have any size; sums in r2 to r5. */
#ifndef TG_DSP_TAPS_H
#define TG_DSP_TAPS_H

#include "tg_dsp.h"
#include "tg_numerics.h"

/* One tap of a 3x3 window, and what the next one begins with: 11 cycles on the M4, 5 on the M7. Four weights are a word of
 * bytes: of channels 0 and 2 in r8, of 1 and 3 in r9. */
#define TG_TAP_WEIGHTS                  \
  "sxtb16 r7, r12, ror #8\n\t"          \
  "sxtab16 r8, r11, r9\n\t"             \
  "sxtab16 r9, r11, r9, ror #8\n\t"
#define TG_TAP(next_x, next_w, slot)    \
  "smlabb r3, r7, r9, r3\n\t"           \
  "sxtb16 r6, r12\n\t"                  \
  "smlatt r5, r7, r9, r5\n\t"           \
  "ldr r12, [r0" next_x "]\n\t"         \
  "ldr r9, [r1, #" next_w "]\n\t"       \
  "smlabb r2, r6, r8, r2\n\t"           \
  "smlatt r4, r6, r8, r4\n\t" slot      \
  TG_TAP_WEIGHTS

/* r0 to the next four channels, r1 behind the weights, the stack's first word to r12. 47 cycles on the M7. */
#define TG_TAPS_OF_3X3                               \
  "ldr r12, [r0]\n\t"                                \
  "ldr r9, [r1, #16]\n\t"                            \
  "ldm r1!, {r2, r3, r4, r5}\n\t"                    \
  TG_TAP_WEIGHTS                                     \
  TG_TAP(", r10", "4", "")                           \
  TG_TAP(", r10, lsl #1", "8", "add r0, r0, lr\n\t") \
  TG_TAP("", "12", "")                               \
  TG_TAP(", r10", "16", "")                          \
  TG_TAP(", r10, lsl #1", "20", "add r0, r0, lr\n\t") \
  TG_TAP("", "24", "")                               \
  TG_TAP(", r10", "28", "")                          \
  TG_TAP(", r10, lsl #1", "32", "")                  \
  "smlabb r3, r7, r9, r3\n\t"                        \
  "sxtb16 r6, r12\n\t"                               \
  "ldr r12, [sp]\n\t"                                \
  "smlatt r5, r7, r9, r5\n\t"                        \
  "sub r0, r0, lr, lsl #1\n\t"                       \
  "smlabb r2, r6, r8, r2\n\t"                        \
  "add r0, r0, #4\n\t"                               \
  "smlatt r4, r6, r8, r4\n\t"                        \
  "add r1, r1, #36\n\t"

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
#define TG_TAPS_OF_WINDOW              \
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

/* Sums in r2 to r5 to results, of which only the one in r3 is saturated; where they go to r7, the groups left to r8. The work
 * is in r12 before and after: scales are a word each, or what the work has. */
#define TG_TAPS_PLACES "ldr r7, [r12, #20]\n\tldr r8, [r12, #24]\n\t"
#define TG_TAPS_SCALED_HIGH \
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
  TG_TAPS_PLACES
#define TG_TAPS_SCALED_PLAIN \
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
  TG_TAPS_PLACES \
  "asr r3, r3, r6\n\t" \
  "asr r2, r2, r6\n\t" \
  "asr r5, r5, r6\n\t" \
  "asr r4, r4, r6\n\t" \
  "add r3, r3, r9\n\t" \
  "add r2, r2, r9\n\t" \
  "add r5, r5, r9\n\t" \
  "ssat r3, #8, r3\n\t" \
  "add r4, r4, r9\n\t"

/* A window of any core's taps; minus_offset: see above. */
typedef struct {
  int32_t channels; /* from one tap to the next */
  int32_t row;      /* from one row to the next */
  int32_t rows;
  int32_t columns;
  uint32_t minus_offset;
} tg_dsp_taps_window;

/* In C: adds the taps of four channels to their sums. bytes: whether weights are bytes. Returns where weights end. */
TG_INLINE const tg_i32 *tg_dsp_taps_sums(const tg_dsp_taps_window *w, const int8_t *x, const tg_i32 *weights, int32_t bytes,
                                           tg_u32 *sums) {
  for (int32_t row = 0; row < w->rows; row++) {
    const int8_t *from = x;
    for (int32_t column = 0; column < w->columns; column++) {
      const uint32_t word = tg_load4(from);
      const uint32_t own = (uint32_t)*weights++;
      const uint32_t even = bytes ? tg_even(word) : tg_even_plus(w->minus_offset, word);
      const uint32_t odd = bytes ? tg_odd(word) : tg_odd_plus(w->minus_offset, word);
      const uint32_t even_weights = bytes ? tg_even_plus(w->minus_offset, own) : own;
      const uint32_t odd_weights = bytes ? tg_odd_plus(w->minus_offset, own) : (uint32_t)*weights++;
      sums[0] = tg_dot_low(even, even_weights, sums[0]);
      sums[1] = tg_dot_low(odd, odd_weights, sums[1]);
      sums[2] = tg_dot_high(even, even_weights, sums[2]);
      sums[3] = tg_dot_high(odd, odd_weights, sums[3]);
      from += w->channels;
    }
    x += w->row;
  }
  return weights;
}

typedef struct {
  int32_t in_h;
  int32_t in_w;
  int32_t channels;
  int32_t kernel_h;
  int32_t kernel_w;
  int32_t fill; /* what is outside */
} tg_dsp_image;

/* Copies the window at (top, left) to a place of its own, with what lies outside the image. shape: which part of the window
 * that was copied there before lay inside; if it is the same, what is outside is there already. Returns this one's. */
static TG_SMALL TG_APART uint32_t tg_dsp_gather(const tg_dsp_image *around, const int8_t *image, int32_t top, int32_t left,
                                                int8_t *to, uint32_t shape) {
  const int32_t row = around->kernel_w * around->channels;
  const int32_t begin = tg_min(tg_max(-left, 0), around->kernel_w);
  const int32_t inside = tg_max(tg_min(around->in_w - left, around->kernel_w) - begin, 0);
  const int32_t above = tg_min(tg_max(-top, 0), around->kernel_h);
  const int32_t rows = inside > 0 ? tg_max(tg_min(around->in_h - top, around->kernel_h) - above, 0) : 0;
  const uint32_t own = (uint32_t)(above << 8 | begin) << 16 | (uint32_t)(rows << 8 | inside);
  if (own != shape) {
    tg_dsp_set(to, around->kernel_h * row, 0x1010101u * (uint8_t)around->fill);
  }
  to += above * row + begin * around->channels;
  TG_COMPACT
  for (int32_t y = 0; y < rows; y++) {
    tg_dsp_copy(to, image + ((top + above + y) * around->in_w + left + begin) * around->channels, inside * around->channels);
    to += row;
  }
  return own;
}

#endif
