/* 2-D convolution for cores that multiply two halfwords: two pixels and four channels at once (see tg_dsp_quads.h). No
 * groups, no dilation; output channels: a multiple of four.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0. Four pixels are
 * laid out at a time, as tg_dsp_layout.h has it.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of four channels after the biases of
 * these. */
#include "tg_dsp_layout.h"
#include "tg_dsp_quads.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_QUAD_BIASES (4 + 4 * TG_EPILOGUE_GLOW_WORDS) /* words of four channels */
#else
#define TG_QUAD_BIASES 4
#endif

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* The sums of both pixels to outputs: those of the first to r2, r6, r4, r8, of the second to r3, r7, r5, r9. The address of
 * the next biases is stored. */
#if TG_EPILOGUE_GLOW_FUSED
#define TG_QUAD_BY(first, second, shift, scale, offset)  \
  "asr " first ", " first ", " shift "\n\t"              \
  "asr " second ", " second ", " shift "\n\t"            \
  "smmlar " first ", " first ", " scale ", " offset "\n\t" \
  "smmlar " second ", " second ", " scale ", " offset "\n\t"
#if TG_PER_CHANNEL
#define TG_QUAD_CHANNEL(first, second, word)             \
  "asr " first ", " first ", " word "\n\t"               \
  "asr " second ", " second ", " word "\n\t"             \
  "bic " word ", " word ", #255\n\t"                     \
  "smmlar " first ", " first ", " word ", r0\n\t"        \
  "smmlar " second ", " second ", " word ", r0\n\t"
#define TG_QUAD_FINISH               \
  "ldr r0, [sp, #4]\n\t"             \
  "add r0, r0, #32\n\t"              \
  "str r0, [sp, #4]\n\t"             \
  "ldr r10, [r0, #-16]\n\t"          \
  "ldr r11, [r0, #-12]\n\t"          \
  "ldr r12, [r0, #-8]\n\t"           \
  "ldr lr, [r0, #-4]\n\t"            \
  "ldr r0, [sp, #24]\n\t"            \
  "add r11, r11, #8\n\t"             \
  "add lr, lr, #8\n\t"               \
  TG_QUAD_CHANNEL("r2", "r3", "r10") \
  TG_QUAD_CHANNEL("r6", "r7", "r11") \
  TG_QUAD_CHANNEL("r4", "r5", "r12") \
  TG_QUAD_CHANNEL("r8", "r9", "lr")
#else
#define TG_QUAD_FINISH                         \
  "ldr r0, [sp, #4]\n\t"                       \
  "ldr r10, [sp, #20]\n\t"                     \
  "ldr lr, [sp, #16]\n\t"                      \
  "ldr r12, [sp, #24]\n\t"                     \
  "add r0, r0, #16\n\t"                        \
  "str r0, [sp, #4]\n\t"                       \
  "add r11, r10, #8\n\t"                       \
  TG_QUAD_BY("r2", "r3", "r10", "lr", "r12")   \
  TG_QUAD_BY("r4", "r5", "r10", "lr", "r12")   \
  TG_QUAD_BY("r6", "r7", "r11", "lr", "r12")   \
  TG_QUAD_BY("r8", "r9", "r11", "lr", "r12")
#endif
#define TG_QUAD_SATURATE(x) "ssat " x ", #8, " x "\n\t"

#elif TG_EPILOGUE_GLOW_SHIFTED

/* By the words of tg_epilogue_last.h, which lie at lr; that may be spoilt. */
#define TG_QUAD_CHANNEL(product, first, second, word, shift)       \
  "ldr r10, [lr, #" word "]\n\t"                                   \
  "ldr r11, [lr, #" shift "]\n\t"                                  \
  "lsl r0, r12, r11\n\t"                                           \
  product(first, "lr", "r10", "r0") product(second, "lr", "r10", "r0") \
  "asr " first ", " first ", r11\n\t"                              \
  "asr " second ", " second ", r11\n\t"
#define TG_QUAD_NEXT TG_EPILOGUE_GLOW_SPARING_AGAIN("ldr lr, [sp, #4]\n\t")
#define TG_QUAD_FINISH                                                        \
  "ldr lr, [sp, #4]\n\t"                                                      \
  "ldr r12, [sp, #24]\n\t"                                                    \
  "add lr, lr, #48\n\t"                                                       \
  "str lr, [sp, #4]\n\t"                                                      \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r2", "r3", "-32", "-28")         \
  TG_QUAD_NEXT                                                                \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT_256, "r6", "r7", "-24", "-20")     \
  TG_QUAD_NEXT                                                                \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT, "r4", "r5", "-16", "-12")         \
  TG_QUAD_NEXT                                                                \
  TG_QUAD_CHANNEL(TG_EPILOGUE_GLOW_PRODUCT_256, "r8", "r9", "-8", "-4")
#define TG_QUAD_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)

#else

/* By the first words of tg_epilogue_last.h; the second ones say nothing. */
#define TG_QUAD_FINISH                                            \
  "ldr r11, [sp, #4]\n\t"                                         \
  "ldr r12, [sp, #24]\n\t"                                        \
  "add r11, r11, #48\n\t"                                         \
  "str r11, [sp, #4]\n\t"                                         \
  "ldr r10, [r11, #-32]\n\t"                                      \
  TG_EPILOGUE_GLOW_TWO("r2", "r0", "r3", "lr", "r10", "r12")      \
  "ldr r10, [r11, #-24]\n\t"                                      \
  TG_EPILOGUE_GLOW_TWO_256("r6", "r0", "r7", "lr", "r10", "r12")  \
  "ldr r10, [r11, #-16]\n\t"                                      \
  TG_EPILOGUE_GLOW_TWO("r4", "r0", "r5", "lr", "r10", "r12")      \
  "ldr r10, [r11, #-8]\n\t"                                       \
  TG_EPILOGUE_GLOW_TWO_256("r8", "r0", "r9", "lr", "r10", "r12")
#define TG_QUAD_SATURATE(x)

#endif

/* Four channels of a pixel to one word. */
#define TG_QUAD_WORD(a, b, c, d)                                                           \
  TG_QUAD_SATURATE(a) TG_QUAD_SATURATE(b) TG_QUAD_SATURATE(c) TG_QUAD_SATURATE(d)          \
  "bfi " a ", " b ", #8, #8\n\t"                                                           \
  "bfi " c ", " d ", #8, #8\n\t"                                                           \
  "pkhbt " a ", " a ", " c ", lsl #16\n\t"

/* All channels of two pixels, four at a time; filter: of the first four. */
static TG_APART void tg_conv2d_quads_dsp_s8_channels(const tg_dsp_quad_tile *t, const int8_t *filter) {
  register const tg_dsp_quad_tile *r0 __asm__("r0") = t;
  register const int8_t *r1 __asm__("r1") = filter;
  __asm__ volatile(
      ".syntax unified\n\t"
      TG_DSP_QUAD_ENTER
      "5:\n\t"
      TG_DSP_QUAD_SUMS
      TG_QUAD_FINISH
      "ldr r0, [sp, #8]\n\t"
      "ldr r10, [sp, #28]\n\t"
      "ldr r11, [sp, #12]\n\t"
      TG_QUAD_WORD("r3", "r7", "r5", "r9")
      TG_QUAD_WORD("r2", "r6", "r4", "r8")
      "str r3, [r0, r10]\n\t"
      "str r2, [r0], #4\n\t"
      "str r0, [sp, #8]\n\t"
      "cmp r1, r11\n\t"
      "bne 5b\n\t"
      TG_DSP_QUAD_LEAVE
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_QUAD_OUTPUT(sum, i) \
  (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, (const tg_u32 *)words + (i)*TG_EPILOGUE_GLOW_WORDS, offset))
#else
#define TG_QUAD_OUTPUT(sum, i) (int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset))
#endif

/* A second pixel that does not count is written first, and then over. */
static TG_APART void tg_conv2d_quads_dsp_s8_channels(const tg_dsp_quad_tile *t, const int8_t *filter) {
  const int32_t groups = (int32_t)(t->end - t->columns) / 8;
  const int32_t offset = t->offset;
  const int32_t second = t->second;
  const uint32_t scale = (uint32_t)t->scale | (uint32_t)t->pre;
  const tg_i32 *bias = t->bias;
  int8_t *output = t->output;
  (void)scale;
  TG_COMPACT
  while (filter < t->filter_end) {
#if TG_PER_CHANNEL
    const tg_i32 *words = bias + 4;
#endif
    TG_COMPACT
    for (int32_t pair = 0; pair < 2; pair++) {
      const uint32_t even = (uint32_t)bias[0];
      const uint32_t both = even + ((uint32_t)bias[1] << 8);
      const tg_dsp_pair_sums begin = {even + t->low[0], even + t->low[1], both + t->whole[0], both + t->whole[1]};
      const tg_dsp_pair_sums s = tg_dsp_pairs_of_two(t->columns, groups, filter + 4 * pair, 8, begin);
      output[second + 1] = TG_QUAD_OUTPUT(tg_dsp_odd_of(s.low1, s.whole1), 1);
      output[second] = TG_QUAD_OUTPUT((int32_t)s.low1, 0);
      output[1] = TG_QUAD_OUTPUT(tg_dsp_odd_of(s.low0, s.whole0), 1);
      output[0] = TG_QUAD_OUTPUT((int32_t)s.low0, 0);
      output += 2;
      bias += 2;
#if TG_PER_CHANNEL
      words += 2 * TG_EPILOGUE_GLOW_WORDS;
#endif
    }
    bias += TG_QUAD_BIASES - 4;
    filter += 16 * groups;
  }
}

#endif

typedef struct {
  const tg_conv2d_quads_dsp_s8_params *p;
  tg_dsp_sizes sizes;
  tg_dsp_quad_tile tile;
  const int8_t *filter;
  uint32_t low;
  uint32_t whole;
} tg_conv2d_quads_dsp_s8_work;

/* Two of the pixels that are laid out, of which the first is at output, or that one alone. */
static TG_SMALL TG_APART void tg_conv2d_quads_dsp_s8_two(tg_conv2d_quads_dsp_s8_work *w, const tg_u32 *sums,
                                                         int8_t *output, int32_t second) {
  tg_dsp_quad_tile *t = &w->tile;
  t->low[0] = sums[0] * w->low;
  t->low[1] = sums[2] * w->low;
  t->whole[0] = sums[0] * w->whole;
  t->whole[1] = sums[2] * w->whole;
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
    TG_COMPACT
    for (int32_t i = 0; i < count; i++) {
      if (in_c) {
        sums[i] = tg_dsp_expand(input, w->sizes.columns + i, in_c >> 2, 0);
        input += in_c;
        continue;
      }
      sums[i] = (uint32_t)tg_dsp_lay_out(&w->sizes, input, top, left, i);
      left += p->stride_w;
      if (left == end) {
        left = -p->pad_left;
        top += p->stride_h;
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
void tg_conv2d_quads_dsp_s8(const tg_conv2d_quads_dsp_s8_params *p, const int8_t *input, const int8_t *filter,
                            const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
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
  w.sizes.line = (int8_t *)(columns + 8 * groups + 2);
  w.sizes.direct = TG_DSP_DIRECT(p);
  w.tile.columns = columns;
  w.tile.end = columns + 8 * groups;
  w.tile.bias = bias;
  w.tile.filter_end = filter + 4 * groups * p->out_c;
  w.tile.entry = TG_DSP_QUAD_GROUP_BYTES * skip;
  w.tile.skipped = 16 * (skip % TG_DSP_QUAD_BLOCK);
#if TG_PER_CHANNEL
  w.tile.pre = 0;
  w.tile.scale = 0;
  w.tile.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  w.tile.pre = p->out.pre;
  w.tile.scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  w.tile.offset = p->out.offset;
#endif
  w.filter = filter;
  w.low = (uint32_t)TG_DSP_LOW_MINUS(p->filter_offset);
  w.whole = (uint32_t)TG_DSP_WHOLE_MINUS(p->filter_offset);
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
#undef TG_QUAD_BY
#undef TG_QUAD_CHANNEL
#undef TG_QUAD_NEXT
#undef TG_QUAD_FINISH
#undef TG_QUAD_SATURATE
#undef TG_QUAD_WORD
#undef TG_QUAD_OUTPUT
