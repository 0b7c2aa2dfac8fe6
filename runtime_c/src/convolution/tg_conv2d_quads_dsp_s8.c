/* 2-D convolution for cores that multiply two halfwords: two pixels and four channels at once (see tg_dsp_quads.h). No
 * groups, no dilation; output channels: a multiple of four.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0. Four pixels are
 * laid out at a time, as tg_dsp_layout.h has it. Filters have an offset, which the sum of a pixel's inputs is multiplied by.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of four channels after their weights; there
 * is no offset. */
#include "tg_dsp_layout.h"
#include "tg_dsp_quads.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#define TG_QUAD_BIASES 4 /* words of four channels */
#if TG_PER_CHANNEL
#define TG_QUAD_SCALES (4 * TG_EPILOGUE_GLOW_WORDS)
#else
#define TG_QUAD_SCALES 0
#endif

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* TG_QUAD_FINISH: the sums of both pixels to outputs, of the first in r2, r6, r4, r8, of the second in r3, r7, r5, r9. Words
 * of scales begin 56 bytes before r1, so that the next four channels begin at TG_QUAD_AHEAD. */
#if TG_EPILOGUE_GLOW_FUSED
#define TG_QUAD_BY(first, second, shift, scale, offset)    \
  "asr " first ", " first ", " shift "\n\t"                \
  "asr " second ", " second ", " shift "\n\t"              \
  "smmlar " first ", " first ", " scale ", " offset "\n\t" \
  "smmlar " second ", " second ", " scale ", " offset "\n\t"
#if TG_PER_CHANNEL
#define TG_QUAD_AHEAD "40"
#define TG_QUAD_SUMS TG_DSP_QUAD_SUMS("-40", "-36", "-32", "-28", "-24")
#define TG_QUAD_FINISH                         \
  "ldr r10, [r1, #-56]\n\t"                    \
  "ldr r11, [r1, #-52]\n\t"                    \
  "ldr r12, [r1, #-48]\n\t"                    \
  "ldr lr, [r1, #-44]\n\t"                     \
  "ldr r0, [sp, #20]\n\t"                      \
  TG_DSP_QUAD_ODD                              \
  TG_QUAD_SHIFT("r2", "r3", "r10")             \
  "add r11, r11, #8\n\t"                       \
  TG_QUAD_SHIFT("r6", "r7", "r11")             \
  TG_QUAD_SHIFT("r4", "r5", "r12")             \
  "add lr, lr, #8\n\t"                         \
  TG_QUAD_SHIFT("r8", "r9", "lr")
/* By a word of shift and scale. */
#define TG_QUAD_SHIFT(first, second, word)       \
  "asr " first ", " first ", " word "\n\t"       \
  "asr " second ", " second ", " word "\n\t"     \
  "bic " word ", " word ", #255\n\t"             \
  "smmlar " first ", " first ", " word ", r0\n\t" \
  "smmlar " second ", " second ", " word ", r0\n\t"
#else
#define TG_QUAD_AHEAD "56"
#define TG_QUAD_SUMS TG_DSP_QUAD_OFFSET_SUMS("-56", "-52", "-48", "-44", "-40")
#define TG_QUAD_FINISH                         \
  "ldr r10, [sp, #16]\n\t"                     \
  "ldr lr, [sp, #12]\n\t"                      \
  "ldr r12, [sp, #20]\n\t"                     \
  TG_DSP_QUAD_ODD                              \
  "add r11, r10, #8\n\t"                       \
  TG_QUAD_BY("r2", "r3", "r10", "lr", "r12")   \
  TG_QUAD_BY("r4", "r5", "r10", "lr", "r12")   \
  TG_QUAD_BY("r6", "r7", "r11", "lr", "r12")   \
  TG_QUAD_BY("r8", "r9", "r11", "lr", "r12")
#endif
#define TG_QUAD_SATURATE(x) "ssat " x ", #8, " x "\n\t"

#else

/* By the words of tg_epilogue_last.h. */
#define TG_QUAD_AHEAD "24"
#define TG_QUAD_SUMS TG_DSP_QUAD_SUMS("-24", "-20", "-16", "-12", "-8")

#if !TG_EPILOGUE_GLOW_SHIFTED
/* The second ones say nothing. */
#define TG_QUAD_FINISH                                            \
  "ldr r12, [sp, #20]\n\t"                                        \
  "ldr r10, [r1, #-56]\n\t"                                       \
  TG_DSP_QUAD_ODD                                                 \
  TG_EPILOGUE_GLOW_TWO("r2", "r0", "r3", "lr", "r10", "r12")      \
  "ldr r10, [r1, #-48]\n\t"                                       \
  TG_EPILOGUE_GLOW_TWO_256("r6", "r0", "r7", "lr", "r10", "r12")  \
  "ldr r10, [r1, #-40]\n\t"                                       \
  TG_EPILOGUE_GLOW_TWO("r4", "r0", "r5", "lr", "r10", "r12")      \
  "ldr r10, [r1, #-32]\n\t"                                       \
  TG_EPILOGUE_GLOW_TWO_256("r8", "r0", "r9", "lr", "r10", "r12")
#define TG_QUAD_SATURATE(x)
#elif TG_DUAL_ISSUE
/* One channel, while the words of the next one are loaded. */
#define TG_QUAD_CHANNEL(product, first, second, scale, shift, between) \
  "lsl r0, r12, r11\n\t"                                               \
  product(first, "lr", "r10", "r0") product(second, "lr", "r10", "r0") \
  "ldr r10, [r1, #" scale "]\n\t"                                      \
  "asr " first ", " first ", r11\n\t" between                          \
  "asr " second ", " second ", r11\n\t"                                \
  "ldr r11, [r1, #" shift "]\n\t"
#define TG_QUAD_FINISH                                                                                             \
  "ldr r12, [sp, #20]\n\t"                                                                                         \
  "ldr r11, [r1, #-52]\n\t"                                                                                        \
  "ldr r10, [r1, #-56]\n\t"                                                                                        \
  "sub r6, r6, r2\n\t"                                                                                             \
  "sub r7, r7, r3\n\t"                                                                                             \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r2", "r3", "-48", "-44", "sub r8, r8, r4\n\t")                        \
  "sub r9, r9, r5\n\t"                                                                                             \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT_256, "r6", "r7", "-40", "-36", TG_EPILOGUE_GLOW_SATURATE("r2"))         \
  TG_EPILOGUE_GLOW_SATURATE("r3")                                                                                  \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r4", "r5", "-32", "-28", TG_EPILOGUE_GLOW_SATURATE("r6"))             \
  TG_EPILOGUE_GLOW_SATURATE("r7")                                                                                  \
  "lsl r0, r12, r11\n\t"                                                                                           \
  TG_EPILOGUE_GLOW_SATURATE("r4")                                                                                  \
  TG_EPILOGUE_GLOW_PRODUCT_256("r8", "lr", "r10", "r0")                                                            \
  TG_EPILOGUE_GLOW_PRODUCT_256("r9", "lr", "r10", "r0")                                                            \
  TG_EPILOGUE_GLOW_SATURATE("r5")                                                                                  \
  "asr r8, r8, r11\n\t"                                                                                            \
  "asr r9, r9, r11\n\t"                                                                                            \
  TG_EPILOGUE_GLOW_SATURATE("r8") TG_EPILOGUE_GLOW_SATURATE("r9")
#define TG_QUAD_SATURATE(x)
#else
#define TG_QUAD_CHANNEL(product, first, second, scale, shift)          \
  "ldr r10, [r1, #" scale "]\n\t"                                      \
  "ldr r11, [r1, #" shift "]\n\t"                                      \
  "lsl r0, r12, r11\n\t"                                               \
  product(first, "lr", "r10", "r0") product(second, "lr", "r10", "r0") \
  "asr " first ", " first ", r11\n\t"                                  \
  "asr " second ", " second ", r11\n\t"
#define TG_QUAD_FINISH                                                    \
  TG_DSP_QUAD_ODD                                                         \
  "ldr r12, [sp, #20]\n\t"                                                \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r2", "r3", "-56", "-52")     \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT_256, "r6", "r7", "-48", "-44") \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r4", "r5", "-40", "-36")     \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT_256, "r8", "r9", "-32", "-28")
#define TG_QUAD_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)
#endif

#endif

#if TG_PER_CHANNEL
#define TG_QUAD_ENTER TG_DSP_QUAD_ENTER(TG_QUAD_AHEAD)
#define TG_QUAD_LEAVE "add sp, sp, #44\n\t"
#else
#define TG_QUAD_ENTER TG_DSP_QUAD_ENTER_SUMS TG_DSP_QUAD_ENTER(TG_QUAD_AHEAD)
#define TG_QUAD_LEAVE "add sp, sp, #60\n\t"
#endif

/* Four channels of a pixel to one word. */
#define TG_QUAD_WORD(a, b, c, d)                                                           \
  TG_QUAD_SATURATE(a) TG_QUAD_SATURATE(b) TG_QUAD_SATURATE(c) TG_QUAD_SATURATE(d)          \
  "bfi " a ", " b ", #8, #8\n\t"                                                           \
  "bfi " c ", " d ", #8, #8\n\t"                                                           \
  "pkhbt " a ", " a ", " c ", lsl #16\n\t"

/* All channels of two pixels, four at a time; filter: of the first four. */
static TG_APART void tg_conv2d_quads_dsp_s8_channels(const tg_dsp_quad_tile *t, const tg_i32 *filter) {
  register const tg_dsp_quad_tile *r0 __asm__("r0") = t;
  register const tg_i32 *r1 __asm__("r1") = filter;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      TG_QUAD_ENTER
      "5:\n\t"
      TG_QUAD_SUMS
      TG_QUAD_FINISH
      "ldr r0, [sp, #4]\n\t"
      "ldr r10, [sp, #24]\n\t"
      "ldr r11, [sp, #8]\n\t"
      TG_QUAD_WORD("r3", "r7", "r5", "r9")
      TG_QUAD_WORD("r2", "r6", "r4", "r8")
      "str r3, [r0, r10]\n\t"
      "str r2, [r0], #4\n\t"
      "str r0, [sp, #4]\n\t"
      "cmp r1, r11\n\t"
      "bne 5b\n\t"
      TG_QUAD_LEAVE
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_QUAD_OUTPUT(sum, i) \
  (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, (const tg_u32 *)scales + (i)*TG_EPILOGUE_GLOW_WORDS, offset))
#else
#define TG_QUAD_OUTPUT(sum, i) (int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset))
#endif

/* A second pixel that does not count is written first, and then over. */
static TG_APART void tg_conv2d_quads_dsp_s8_channels(const tg_dsp_quad_tile *t, const tg_i32 *filter) {
  const int32_t groups = (int32_t)(t->end - t->columns) / 8;
  const int32_t words = 4 * groups; /* of four channels' weights */
  const int32_t offset = t->offset;
  const int32_t second = t->second;
#if !TG_PER_CHANNEL
  const uint32_t scale = (uint32_t)t->scale | (uint32_t)t->pre;
#endif
  int8_t *output = t->output;
  TG_COMPACT
  while ((const int8_t *)filter != t->filter_end) {
    const tg_u32 *biases = (const tg_u32 *)filter;
    const tg_u32 *weights = biases + TG_QUAD_BIASES;
#if TG_PER_CHANNEL
    const tg_i32 *scales = filter + TG_QUAD_BIASES + words;
#endif
    TG_COMPACT
    for (int32_t pair = 0; pair < 2; pair++) {
      tg_dsp_pair_sums s = {biases[0], biases[0], biases[1], biases[1]};
#if !TG_PER_CHANNEL
      s.low0 += t->low[0];
      s.low1 += t->low[1];
      s.whole0 += t->whole[0];
      s.whole1 += t->whole[1];
#endif
      s = tg_dsp_quad_pair(t->columns, groups, weights, TG_PER_CHANNEL, s);
      output[second + 1] = TG_QUAD_OUTPUT(tg_dsp_odd_of(s.low1, s.whole1), 1);
      output[second] = TG_QUAD_OUTPUT((int32_t)s.low1, 0);
      output[1] = TG_QUAD_OUTPUT(tg_dsp_odd_of(s.low0, s.whole0), 1);
      output[0] = TG_QUAD_OUTPUT((int32_t)s.low0, 0);
      output += 2;
      biases += 2;
      weights++;
#if TG_PER_CHANNEL
      scales += TG_QUAD_SCALES / 2;
#endif
    }
    filter += TG_QUAD_BIASES + words + TG_QUAD_SCALES;
  }
}

#endif

typedef struct {
  const tg_conv2d_quads_dsp_s8_params *p;
  tg_dsp_sizes sizes;
  tg_dsp_quad_tile tile;
  const tg_i32 *filter;
#if !TG_PER_CHANNEL
  uint32_t low;
  uint32_t whole;
#endif
} tg_conv2d_quads_dsp_s8_work;

/* Two of the pixels that are laid out, of which the first is at output, or that one alone. */
static TG_SMALL TG_APART void tg_conv2d_quads_dsp_s8_two(tg_conv2d_quads_dsp_s8_work *w, const tg_u32 *sums,
                                                         int8_t *output, int32_t second) {
  tg_dsp_quad_tile *t = &w->tile;
#if TG_PER_CHANNEL
  (void)sums;
#else
  t->low[0] = sums[0] * w->low;
  t->low[1] = sums[2] * w->low;
  t->whole[0] = sums[0] * w->whole;
  t->whole[1] = sums[2] * w->whole;
#endif
  t->output = output;
  t->second = second;
  tg_conv2d_quads_dsp_s8_channels(t, w->filter);
}

/* The pixels of an image, four at a time. */
static TG_SMALL TG_APART void tg_conv2d_quads_dsp_s8_image(tg_conv2d_quads_dsp_s8_work *w, const int8_t *input,
                                                           int8_t *output) {
  const tg_conv2d_quads_dsp_s8_params *p = w->p;
  const int32_t out_c = p->out_c;
  const int32_t end = p->out_w * p->stride_w - p->pad_left;
  const int32_t in_c = w->sizes.layout == TG_DSP_POINTWISE ? p->in_c : 0;
  int32_t top = -p->pad_top;
  int32_t left = -p->pad_left;
  tg_u32 sums[4] = {0, 0, 0, 0};
  for (int32_t rest = p->out_h * p->out_w; rest > 0; rest -= 4) {
    const int32_t count = tg_min(rest, 4);
    if (in_c) {
      tg_dsp_side_by_side(input, w->sizes.columns, in_c >> 2, count, 0, sums);
      input += count * in_c;
    } else {
      TG_COMPACT
      for (int32_t i = 0; i < count; i++) {
        sums[i] = (uint32_t)tg_dsp_lay_out(&w->sizes, input, top, left, i);
        left += p->stride_w;
        if (left == end) {
          left = -p->pad_left;
          top += p->stride_h;
        }
      }
    }
    tg_conv2d_quads_dsp_s8_two(w, sums, output, count > 2 ? 2 * out_c : 0);
    if (count > 1) {
      w->tile.columns++;
      w->tile.end++;
      tg_conv2d_quads_dsp_s8_two(w, sums + 1, output + out_c, count > 3 ? 2 * out_c : 0);
      w->tile.columns--;
      w->tile.end--;
    }
    output += 4 * out_c;
  }
}

TG_SMALL
void tg_conv2d_quads_dsp_s8(const tg_conv2d_quads_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                            int8_t *output, tg_i32 *scratch) {
  const int32_t groups = TG_DSP_GROUPS_OF(p);
  const int32_t skip = TG_DSP_QUAD_TURN - 1 - (groups - 1) % TG_DSP_QUAD_TURN;
  tg_u32 *columns = (tg_u32 *)scratch;
  tg_conv2d_quads_dsp_s8_work w;
  w.p = p;
  w.sizes.in_h = p->in_h;
  w.sizes.in_w = p->in_w;
  w.sizes.in_c = p->in_c;
  w.sizes.kernel_h = p->kernel_h;
  w.sizes.kernel_w = p->kernel_w;
  w.sizes.layout = p->layout;
  w.sizes.outside = 0x1010101u * (uint8_t)p->in_offset;
  w.sizes.columns = columns;
  w.sizes.line = (int8_t *)(columns + 8 * groups);
  w.sizes.direct = TG_DSP_DIRECT(p);
  w.tile.columns = columns;
  w.tile.end = columns + 8 * groups;
  w.tile.filter_end = (const int8_t *)(filter + p->out_c / 4 * (TG_QUAD_BIASES + 4 * groups + TG_QUAD_SCALES));
  w.tile.entry = TG_DSP_QUAD_GROUP_BYTES * skip;
  w.tile.skipped = 16 * (skip % TG_DSP_QUAD_BLOCK) - 4 * (TG_QUAD_BIASES + TG_QUAD_SCALES);
  w.tile.skipped_columns = 32 * (skip % TG_DSP_QUAD_BLOCK);
#if TG_PER_CHANNEL
  w.tile.pre = 0;
  w.tile.scale = 0;
  w.tile.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  w.tile.pre = p->out.pre;
  w.tile.scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  w.tile.offset = p->out.offset;
  w.low = (uint32_t)TG_DSP_LOW_MINUS(p->filter_offset);
  w.whole = (uint32_t)TG_DSP_WHOLE_MINUS(p->filter_offset);
#endif
  w.filter = filter;
  const int32_t outputs = p->out_h * p->out_w * p->out_c;
  for (int32_t image = 0; image < p->images; image++) {
    tg_conv2d_quads_dsp_s8_image(&w, input, output);
#if TG_PER_CHANNEL
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
#else
    int32_t i;
    TG_CLAMP_SELDOM(output, i, outputs, p->act_min, p->act_max)
#endif
    input += p->in_h * p->in_w * p->in_c;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_QUAD_BIASES
#undef TG_QUAD_SCALES
#undef TG_QUAD_BY
#undef TG_QUAD_AHEAD
#undef TG_QUAD_SUMS
#undef TG_QUAD_FINISH
#undef TG_QUAD_SHIFT
#undef TG_QUAD_SATURATE
#undef TG_QUAD_CHANNEL
#undef TG_QUAD_ENTER
#undef TG_QUAD_LEAVE
#undef TG_QUAD_WORD
#undef TG_QUAD_OUTPUT
