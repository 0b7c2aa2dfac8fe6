/* 2-D convolution for cores that multiply two halfwords: tiles of four pixels and two channels (see tg_dsp_pairs.h); with
 * pool, the maximum of each 2x2 block. No groups, no dilation.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of two channels after the biases of
 * both. */
#include "tg_dsp_layout.h"
#include "tg_dsp_pairs.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_DSP_BIASES (2 + 2 * TG_EPILOGUE_GLOW_WORDS) /* words of two channels */
#define TG_DSP_COLUMNS_AGAIN "ldr r0, [sp]\n\t" /* r0 is used for the second channel */
#else
#define TG_DSP_BIASES 2
#define TG_DSP_COLUMNS_AGAIN
#endif

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

#define TG_DSP_FROM_END 2 /* words of columns that are read at their end */

#if TG_EPILOGUE_GLOW_FUSED

/* TG_DSP_CONSTANTS: what follows needs besides sums, to r0 and r10 to lr; the flags: negative if there is a pool. Here r10 is
 * the shift, lr the scale, r12 the offset; r0 the second channel's scale with its shift. */
#if TG_PER_CHANNEL
#define TG_DSP_CONSTANTS      \
  "ldr lr, [sp, #4]\n\t"      \
  "ldr r12, [sp, #24]\n\t"    \
  "ldr r0, [sp, #20]\n\t"     \
  "ldr r10, [lr, #8]\n\t"     \
  "ldr r11, [lr, #12]\n\t"    \
  "add lr, lr, #16\n\t"       \
  "str lr, [sp, #4]\n\t"      \
  "cmp r0, #0\n\t"            \
  "bic lr, r10, #255\n\t"     \
  "bic r0, r11, #255\n\t"
#define TG_DSP_SECOND_SCALE "r0"
#else
#define TG_DSP_CONSTANTS      \
  "ldr r10, [sp, #20]\n\t"    \
  "ldr lr, [sp, #16]\n\t"     \
  "ldr r12, [sp, #24]\n\t"    \
  "cmp r10, #0\n\t"           \
  "mov r11, r10\n\t"
#define TG_DSP_SECOND_SCALE "lr"
#endif
#define TG_DSP_SHIFT(x, by) "asr " x ", " x ", " by "\n\t"
#define TG_DSP_SCALE(x, by) "smmlar " x ", " x ", " by ", r12\n\t"
#define TG_DSP_FINISH                                               \
  "add r11, r11, #8\n\t"                                            \
  TG_DSP_SHIFT("r2", "r10") TG_DSP_SHIFT("r3", "r10")               \
  TG_DSP_SHIFT("r4", "r10") TG_DSP_SCALE("r2", "lr")                \
  TG_DSP_SHIFT("r5", "r10") TG_DSP_SCALE("r3", "lr")                \
  TG_DSP_SHIFT("r6", "r11") TG_DSP_SCALE("r4", "lr")                \
  TG_DSP_SHIFT("r7", "r11") TG_DSP_SCALE("r5", "lr")                \
  TG_DSP_SHIFT("r8", "r11") TG_DSP_SCALE("r6", TG_DSP_SECOND_SCALE) \
  TG_DSP_SHIFT("r9", "r11") TG_DSP_SCALE("r7", TG_DSP_SECOND_SCALE) \
  TG_DSP_SCALE("r8", TG_DSP_SECOND_SCALE) TG_DSP_SCALE("r9", TG_DSP_SECOND_SCALE)
#define TG_DSP_FINISH_LARGEST                         \
  "add r11, r11, #8\n\t"                              \
  TG_DSP_SHIFT("r2", "r10") TG_DSP_SHIFT("r6", "r11") \
  TG_DSP_SCALE("r2", "lr") TG_DSP_SCALE("r6", TG_DSP_SECOND_SCALE)
#define TG_DSP_SATURATE(x) "ssat " x ", #8, " x "\n\t"

#else

/* As above, by the words of tg_epilogue_last.h: r10 and r11 of the first channel, r12 the offset. */
#define TG_DSP_CONSTANTS_AT(second) \
  "ldr lr, [sp, #4]\n\t"            \
  "ldr r12, [sp, #24]\n\t"          \
  "ldr r0, [sp, #20]\n\t"           \
  "ldr r10, [lr, #8]\n\t"           \
  "ldr r11, [lr, #" second "]\n\t"  \
  "add lr, lr, #24\n\t"             \
  "str lr, [sp, #4]\n\t"            \
  "cmp r0, #0\n\t"

#if !TG_EPILOGUE_GLOW_SHIFTED

/* The second words say nothing: r11 is the first one of the second channel. */
#define TG_DSP_CONSTANTS TG_DSP_CONSTANTS_AT("16")
#define TG_DSP_FINISH \
  TG_EPILOGUE_GLOW_TWO("r2", "r0", "r3", "lr", "r10", "r12") \
  TG_EPILOGUE_GLOW_TWO("r4", "r0", "r5", "lr", "r10", "r12") \
  TG_EPILOGUE_GLOW_TWO_256("r6", "r0", "r7", "lr", "r11", "r12") \
  TG_EPILOGUE_GLOW_TWO_256("r8", "r0", "r9", "lr", "r11", "r12")
#define TG_DSP_FINISH_LARGEST \
  TG_EPILOGUE_GLOW_PRODUCT("r2", "lr", "r10", "r12") \
  "asr r6, r6, #8\n\t" \
  TG_EPILOGUE_GLOW_PRODUCT("r6", "lr", "r11", "r12")
#define TG_DSP_SATURATE(x)

#else

#define TG_DSP_CONSTANTS TG_DSP_CONSTANTS_AT("12")
/* The words of the second channel, what is added to its products to r0. */
#define TG_DSP_SECOND           \
  "ldr r0, [sp, #4]\n\t"        \
  "ldr r10, [r0, #-8]\n\t"      \
  "ldr r11, [r0, #-4]\n\t"      \
  "lsl r0, r12, r11\n\t"
#define TG_DSP_SHIFT(x) "asr " x ", " x ", r11\n\t"
#define TG_DSP_PRODUCT(x) TG_EPILOGUE_GLOW_PRODUCT(x, "lr", "r10", "r0")
#define TG_DSP_PRODUCT_256(x) TG_EPILOGUE_GLOW_PRODUCT_256(x, "lr", "r10", "r0")
#define TG_DSP_FINISH \
  "lsl r0, r12, r11\n\t" \
  TG_DSP_PRODUCT("r2") TG_DSP_PRODUCT("r3") TG_DSP_PRODUCT("r4") TG_DSP_PRODUCT("r5") \
  TG_DSP_SHIFT("r2") TG_DSP_SHIFT("r3") TG_DSP_SHIFT("r4") TG_DSP_SHIFT("r5") \
  TG_DSP_SECOND \
  TG_DSP_PRODUCT_256("r6") TG_DSP_PRODUCT_256("r7") TG_DSP_PRODUCT_256("r8") TG_DSP_PRODUCT_256("r9") \
  TG_DSP_SHIFT("r6") TG_DSP_SHIFT("r7") TG_DSP_SHIFT("r8") TG_DSP_SHIFT("r9")
#define TG_DSP_FINISH_LARGEST \
  "lsl r0, r12, r11\n\t" \
  TG_DSP_PRODUCT("r2") TG_DSP_SHIFT("r2") \
  TG_DSP_SECOND \
  TG_DSP_PRODUCT_256("r6") TG_DSP_SHIFT("r6")
#define TG_DSP_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)

#endif
#endif

/* Both channels of a pixel to one halfword. */
#define TG_DSP_BOTH(even, odd) TG_DSP_SATURATE(even) TG_DSP_SATURATE(odd) "bfi " even ", " odd ", #8, #8\n\t"

/* All channels of the tile, two at a time; filter: of the first two. */
static TG_APART void tg_conv2d_dsp_s8_channels(const tg_dsp_pair_tile *t, const int8_t *filter) {
  register const tg_dsp_pair_tile *r0 __asm__("r0") = t;
  register const int8_t *r1 __asm__("r1") = filter;
  __asm__ volatile(
      ".syntax unified\n\t"
      TG_DSP_PAIR_ENTER
      "5:\n\t"
      TG_DSP_PAIR_LOAD(TG_DSP_COLUMNS_AGAIN)
#if !TG_PER_CHANNEL
      "add r12, r12, #8\n\t"
      "str r12, [sp, #4]\n\t"
#endif
      TG_DSP_PAIR_SUMS
      TG_DSP_CONSTANTS
      "bmi 8f\n\t"
      TG_DSP_PAIR_ODD
      TG_DSP_FINISH
      TG_DSP_BOTH("r5", "r9")
      "ldr r9, [sp, #12]\n\t"
      "ldr r12, [sp, #8]\n\t"
      "ldr r11, [sp, #36]\n\t"
      "ldr r10, [sp, #32]\n\t"
      "ldr lr, [sp, #28]\n\t"
      "cmp r1, r9\n\t"
      "bhi 7f\n\t"
      TG_DSP_SATURATE("r4") TG_DSP_SATURATE("r8")
      "strh r5, [r12, r11]\n\t"
      "bfi r4, r8, #8, #8\n\t"
      TG_DSP_SATURATE("r3") TG_DSP_SATURATE("r7")
      "strh r4, [r12, r10]\n\t"
      "bfi r3, r7, #8, #8\n\t"
      TG_DSP_SATURATE("r2") TG_DSP_SATURATE("r6")
      "strh r3, [r12, lr]\n\t"
      "bfi r2, r6, #8, #8\n\t"
      "strh r2, [r12], #2\n\t"
      "str r12, [sp, #8]\n\t"
      "bne 5b\n\t"
      "b 6f\n"
      "7:\n\t" /* a channel is left */
      TG_DSP_SATURATE("r4") TG_DSP_SATURATE("r3") TG_DSP_SATURATE("r2")
      "strb r5, [r12, r11]\n\t"
      "strb r4, [r12, r10]\n\t"
      "strb r3, [r12, lr]\n\t"
      "strb r2, [r12]\n\t"
      "b 6f\n"
      "8:\n\t" /* the largest of four */
      TG_DSP_PAIR_ODD
      TG_DSP_PAIR_LARGEST
      TG_DSP_FINISH_LARGEST
      TG_DSP_BOTH("r2", "r6")
      "ldr r12, [sp, #8]\n\t"
      "ldr r9, [sp, #12]\n\t"
      "cmp r1, r9\n\t"
      "ite hi\n\t"
      "strbhi r2, [r12]\n\t"
      "strhls r2, [r12], #2\n\t"
      "str r12, [sp, #8]\n\t"
      "blo 5b\n"
      "6:\n\t"
      TG_DSP_PAIR_LEAVE
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#define TG_DSP_FROM_END 0

#if TG_PER_CHANNEL
#define TG_DSP_OUTPUT(sum, i) \
  (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, (const tg_u32 *)bias + 2 + (i)*TG_EPILOGUE_GLOW_WORDS, offset))
#else
#define TG_DSP_OUTPUT(sum, i) (int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset))
#endif
/* The outputs of pixels first and first + 2, the latter's at ``second`` from the former's; with pool, of all four's maximum.
 * What is not there is written first, and then over: a pixel, and the last pair's second channel. */
static TG_APART void tg_conv2d_dsp_s8_pairs(const tg_dsp_pair_tile *t, const int8_t *filter, int32_t first,
                                            int8_t *output, int32_t second) {
  const int32_t groups = t->groups;
  const int8_t *const end = t->end;
  const int32_t offset = t->offset;
  const uint32_t scale = (uint32_t)t->scale | (t->pre & 0xFFu);
  const tg_i32 *bias = t->bias;
  (void)scale;
  TG_COMPACT
  for (; filter < end; filter += 8 * groups) {
    int8_t *const odd = filter + 1 < end ? output + 1 : output;
    if (t->pre >> 31) {
      int32_t sums[2];
      tg_dsp_pairs_largest(t->columns, groups, filter, bias, t->low, t->whole, sums);
      *odd = TG_DSP_OUTPUT(sums[1], 1);
      *output = TG_DSP_OUTPUT(sums[0], 0);
    } else {
      const tg_dsp_pair_sums s = tg_dsp_pairs(t->columns + first, groups, filter, bias, t->low + first, t->whole + first);
      odd[second] = TG_DSP_OUTPUT(tg_dsp_odd_of(s.low1, s.whole1), 1);
      output[second] = TG_DSP_OUTPUT((int32_t)s.low1, 0);
      *odd = TG_DSP_OUTPUT(tg_dsp_odd_of(s.low0, s.whole0), 1);
      *output = TG_DSP_OUTPUT((int32_t)s.low0, 0);
    }
    output += 2;
    bias += TG_DSP_BIASES;
  }
}

static void tg_conv2d_dsp_s8_channels(tg_dsp_pair_tile *t, const int8_t *filter) {
  if (!(t->pre >> 31)) {
    const int32_t third = t->places[2] == t->places[1] ? 0 : t->places[2] - t->places[0];
    tg_conv2d_dsp_s8_pairs(t, filter, 1, t->output + t->places[0], third);
  }
  tg_conv2d_dsp_s8_pairs(t, filter, 0, t->output, t->places[1] == t->places[0] ? 0 : t->places[1]);
}

#endif

typedef struct {
  const tg_conv2d_dsp_s8_params *p;
  tg_dsp_sizes sizes;
  tg_dsp_pair_tile tile;
  const int8_t *filter;
  uint32_t low;
  uint32_t whole;
} tg_conv2d_dsp_s8_work;

/* The four pixels that are laid out, or the maximum of them. */
static TG_SMALL TG_APART void tg_conv2d_dsp_s8_finish_tile(tg_conv2d_dsp_s8_work *w, int8_t *output) {
  tg_dsp_pair_tile *t = &w->tile;
  tg_dsp_pair_begin(t, w->low, w->whole);
  if (TG_DSP_FROM_END && w->sizes.layout != TG_DSP_POINTWISE) {
    tg_dsp_repeat(w->sizes.columns, t->groups);
  }
  t->output = output;
  tg_conv2d_dsp_s8_channels(t, w->filter);
}

/* Pixels in rows, four at a time. */
static TG_SMALL TG_APART void tg_conv2d_dsp_s8_rows(tg_conv2d_dsp_s8_work *w, const int8_t *input, int8_t *output) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  tg_dsp_pair_tile *t = &w->tile;
  const int32_t out_c = p->out_c;
  const int32_t end = p->out_w * p->stride_w - p->pad_left;
  const int32_t in_c = w->sizes.layout == TG_DSP_POINTWISE ? p->in_c : 0;
  int32_t top = -p->pad_top;
  int32_t left = -p->pad_left;
  t->places[0] = out_c;
  t->places[1] = 2 * out_c;
  t->places[2] = 3 * out_c;
  for (int32_t rest = p->out_h * p->out_w; rest > 0; rest -= 4) {
    const int32_t count = tg_min(rest, 4);
    if (count < 4) {
      t->places[0] = count > 1 ? out_c : 0;
      t->places[1] = count > 2 ? 2 * out_c : t->places[0];
      t->places[2] = t->places[1];
    }
    if (in_c) {
      tg_dsp_side_by_side(input, w->sizes.columns, in_c >> 2, count, TG_DSP_FROM_END, t->low);
      input += count * in_c;
    } else {
      TG_COMPACT
      for (int32_t i = 0; i < count; i++) {
        t->low[i] = (uint32_t)tg_dsp_lay_out(&w->sizes, input, top, left, i);
        left += p->stride_w;
        if (left == end) {
          left = -p->pad_left;
          top += p->stride_h;
        }
      }
    }
    tg_conv2d_dsp_s8_finish_tile(w, output);
    output += 4 * out_c;
  }
}

/* The blocks of pixels of which the maximum is wanted. */
static TG_SMALL TG_APART void tg_conv2d_dsp_s8_blocks(tg_conv2d_dsp_s8_work *w, const int8_t *input, int8_t *output) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  const int32_t out_c = p->out_c;
  int32_t top = -p->pad_top;
  for (int32_t y = p->out_h; y > 0; y--) {
    int32_t left = -p->pad_left;
    for (int32_t x = p->out_w; x > 0; x--) {
      TG_COMPACT
      for (int32_t i = 0; i < 4; i++) {
        const int32_t down = i >> 1 ? p->stride_h : 0;
        const int32_t right = i & 1 ? p->stride_w : 0;
        w->tile.low[i] = (uint32_t)tg_dsp_lay_out(&w->sizes, input, top + down, left + right, i);
      }
      tg_conv2d_dsp_s8_finish_tile(w, output);
      output += out_c;
      left += 2 * p->stride_w;
    }
    top += 2 * p->stride_h;
  }
}

TG_SMALL
void tg_conv2d_dsp_s8(const tg_conv2d_dsp_s8_params *p, const int8_t *input, const int8_t *filter,
                      const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const int32_t groups = TG_DSP_GROUPS_OF(p);
  tg_u32 *columns = (tg_u32 *)scratch;
  tg_conv2d_dsp_s8_work w;
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
  w.tile.groups = groups;
  w.tile.bias = bias;
  w.tile.end = filter + (p->out_c / 2 * 8 * groups + (p->out_c & 1));
  w.tile.columns = tg_dsp_columns(&w.sizes, groups, TG_DSP_FROM_END);
  w.tile.low[0] = w.tile.low[1] = w.tile.low[2] = w.tile.low[3] = 0;
  w.tile.pre = p->pool ? 0x80000000u : 0;
#if TG_PER_CHANNEL
  w.tile.scale = 0;
  w.tile.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  w.tile.pre += p->out.pre;
  w.tile.scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  w.tile.offset = p->out.offset;
#endif
  w.filter = filter;
  w.low = (uint32_t)TG_DSP_LOW_MINUS(p->filter_offset);
  w.whole = (uint32_t)TG_DSP_WHOLE_MINUS(p->filter_offset);
  const int32_t outputs = p->out_h * p->out_w * p->out_c;
  for (int32_t image = 0; image < p->images; image++) {
    if (p->pool) {
      tg_conv2d_dsp_s8_blocks(&w, input, output);
    } else {
      tg_conv2d_dsp_s8_rows(&w, input, output);
    }
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
#undef TG_DSP_BIASES
#undef TG_DSP_COLUMNS_AGAIN
#undef TG_DSP_FROM_END
#undef TG_DSP_CONSTANTS
#undef TG_DSP_CONSTANTS_AT
#undef TG_DSP_SECOND_SCALE
#undef TG_DSP_SHIFT
#undef TG_DSP_SCALE
#undef TG_DSP_SECOND
#undef TG_DSP_PRODUCT
#undef TG_DSP_PRODUCT_256
#undef TG_DSP_FINISH
#undef TG_DSP_OUTPUT
#undef TG_DSP_FINISH_LARGEST
#undef TG_DSP_SATURATE
#undef TG_DSP_BOTH
