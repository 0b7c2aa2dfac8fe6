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
#else
#define TG_DSP_BIASES 2
#endif

/* What the channels of a tile are computed from; the code below knows the order. */
typedef struct {
  const tg_u32 *columns;
  const tg_u32 *end;
  const tg_i32 *bias;
  tg_u32 low[4]; /* the sum of each pixel's inputs, times TG_DSP_LOW_MINUS */
  tg_u32 whole[4]; /* times TG_DSP_WHOLE_MINUS */
  int32_t channels;
  uint32_t scales[2]; /* see tg_scale_high, both the same; not used with TG_PER_CHANNEL */
  int32_t offset;
  int8_t *output;
  int32_t places[3]; /* of pixels 1 to 3, from pixel 0's; those that do not count take the place of the last that does */
  int32_t pool;
} tg_conv2d_dsp_s8_tile;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

#define TG_LARGER(a, b)      \
  "cmp " a ", " b "\n\t"     \
  "it lt\n\t"                \
  "movlt " a ", " b "\n\t"

#if TG_EPILOGUE_GLOW_FUSED

#define TG_DSP_FINISH TG_DSP_PAIR_FINISH
#define TG_DSP_FINISH_LARGEST TG_DSP_PAIR_FINISH_LARGEST
#define TG_DSP_SATURATE(x) "ssat " x ", #8, " x "\n\t"

/* The tile to r0, scales of both channels to r10 and r11, the offset to r12, and flags of whether there is a pool. */
#if TG_PER_CHANNEL
#define TG_DSP_CONSTANTS \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #8]\n\t" \
  "ldr r12, [r0, #76]\n\t" \
  "ldrd r10, r11, [lr], #8\n\t" \
  "str lr, [r0, #8]\n\t" \
  "cmp r12, #0\n\t" \
  "ldr r12, [r0, #56]\n\t"
#else
#define TG_DSP_CONSTANTS \
  "ldr r0, [sp, #4]\n\t" \
  "ldr r12, [r0, #76]\n\t" \
  "ldrd r10, r11, [r0, #48]\n\t" \
  "cmp r12, #0\n\t" \
  "ldr r12, [r0, #56]\n\t"
#endif

#elif !TG_EPILOGUE_GLOW_SHIFTED

/* As above, by the first words of tg_epilogue_last.h: the second ones say nothing. */
#define TG_DSP_CONSTANTS \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #8]\n\t" \
  "ldr r12, [r0, #76]\n\t" \
  "ldr r11, [lr, #8]\n\t" \
  "ldr r10, [lr], #16\n\t" \
  "cmp r12, #0\n\t" \
  "ldr r12, [r0, #56]\n\t" \
  "str lr, [r0, #8]\n\t"
#define TG_DSP_FINISH \
  TG_EPILOGUE_GLOW_TWO("r2", "r0", "r3", "lr", "r10", "r12") \
  TG_EPILOGUE_GLOW_TWO("r4", "r0", "r5", "lr", "r10", "r12") \
  TG_EPILOGUE_GLOW_TWO_256("r6", "r0", "r7", "lr", "r11", "r12") \
  TG_EPILOGUE_GLOW_TWO_256("r8", "r0", "r9", "lr", "r11", "r12") \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #44]\n\t"
#define TG_DSP_FINISH_LARGEST \
  TG_EPILOGUE_GLOW_PRODUCT("r2", "lr", "r10", "r12") \
  "asr r6, r6, #8\n\t" \
  TG_EPILOGUE_GLOW_PRODUCT("r6", "lr", "r11", "r12") \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #44]\n\t"
#define TG_DSP_SATURATE(x)

#else

/* As above, by the words of tg_epilogue_last.h: those of the first channel to r10 and r11. */
#define TG_DSP_CONSTANTS \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #8]\n\t" \
  "ldr r12, [r0, #76]\n\t" \
  "ldrd r10, r11, [lr], #16\n\t" \
  "str lr, [r0, #8]\n\t" \
  "cmp r12, #0\n\t" \
  "ldr r12, [r0, #56]\n\t"
/* The words of the second channel, what is added to its products to r0. */
#define TG_DSP_SECOND \
  "ldr r0, [sp, #4]\n\t" \
  "ldr r0, [r0, #8]\n\t" \
  "ldrd r10, r11, [r0, #-8]\n\t" \
  "lsl r0, r12, r11\n\t"
#define TG_DSP_SHIFT(x) "asr " x ", " x ", r11\n\t"
#define TG_DSP_PRODUCT(x) TG_EPILOGUE_GLOW_PRODUCT(x, "lr", "r10", "r0")
#define TG_DSP_FINISH \
  "lsl r0, r12, r11\n\t" \
  TG_DSP_PRODUCT("r2") TG_DSP_PRODUCT("r3") TG_DSP_PRODUCT("r4") TG_DSP_PRODUCT("r5") \
  TG_DSP_SHIFT("r2") TG_DSP_SHIFT("r3") TG_DSP_SHIFT("r4") TG_DSP_SHIFT("r5") \
  TG_DSP_SECOND \
  "asr r6, r6, #8\n\t" \
  "asr r7, r7, #8\n\t" \
  "asr r8, r8, #8\n\t" \
  "asr r9, r9, #8\n\t" \
  TG_DSP_PRODUCT("r6") TG_DSP_PRODUCT("r7") TG_DSP_PRODUCT("r8") TG_DSP_PRODUCT("r9") \
  TG_DSP_SHIFT("r6") TG_DSP_SHIFT("r7") TG_DSP_SHIFT("r8") TG_DSP_SHIFT("r9") \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #44]\n\t"
#define TG_DSP_FINISH_LARGEST \
  "lsl r0, r12, r11\n\t" \
  TG_DSP_PRODUCT("r2") TG_DSP_SHIFT("r2") \
  TG_DSP_SECOND \
  "asr r6, r6, #8\n\t" \
  TG_DSP_PRODUCT("r6") TG_DSP_SHIFT("r6") \
  "ldr r0, [sp, #4]\n\t" \
  "ldr lr, [r0, #44]\n\t"
#define TG_DSP_SATURATE(x) TG_EPILOGUE_GLOW_SATURATE(x)

#endif

/* All channels of the tile, two at a time; filter: of the first two. Uses the tile up. */
static TG_APART void tg_conv2d_dsp_s8_channels(tg_conv2d_dsp_s8_tile *t, const int8_t *filter) {
  register tg_conv2d_dsp_s8_tile *r0 __asm__("r0") = t;
  register const int8_t *r1 __asm__("r1") = filter;
  __asm__ volatile(
      ".syntax unified\n\t"
      "ldr r2, [r0, #4]\n\t"
      "push {r0, r7}\n\t"
      "push {r2}\n"
      "5:\n\t"
      "ldr lr, [sp, #4]\n\t"
      "ldm lr!, {r0, r11, r12}\n\t"
      "ldm lr, {r2, r3, r4, r5, r6, r7, r8, r9}\n\t"
      "sub r11, r11, r0\n\t"
      "lsls r11, r11, #26\n\t" /* zero: an even number of groups */
      "ldrd r10, r11, [r12]\n\t"
      "add r12, r12, #8\n\t"
      "str r12, [lr, #-4]\n\t"
      TG_DSP_PAIR_SUMS
      TG_DSP_CONSTANTS
      "bne 3f\n\t"
      TG_DSP_FINISH
      "ldr r12, [r0, #60]\n\t"
      "ldr r11, [r0, #72]\n\t"
      "subs lr, lr, #2\n\t"
      "add r10, r12, #2\n\t"
      TG_DSP_SATURATE("r9")
      "str r10, [r0, #60]\n\t"
      "asr r10, lr, #31\n\t" /* -1: there is no second channel, and the first is written over it */
      "add r10, r10, r12\n\t"
      TG_DSP_SATURATE("r5")
      "str lr, [r0, #44]\n\t"
      "add r10, r10, #1\n\t"
      "ldr lr, [r0, #68]\n\t"
      "ldr r0, [r0, #64]\n\t"
      "strb r9, [r10, r11]\n\t"
      TG_DSP_SATURATE("r8")
      "strb r5, [r12, r11]\n\t"
      TG_DSP_SATURATE("r4")
      "strb r8, [r10, lr]\n\t"
      TG_DSP_SATURATE("r7")
      "strb r4, [r12, lr]\n\t"
      TG_DSP_SATURATE("r3")
      "strb r7, [r10, r0]\n\t"
      TG_DSP_SATURATE("r6")
      "strb r3, [r12, r0]\n\t"
      TG_DSP_SATURATE("r2")
      "strb r6, [r10]\n\t"
      "strb r2, [r12]\n\t"
      "bgt 5b\n\t"
      "b 4f\n"
      "3:\n\t"
      TG_LARGER("r2", "r3") TG_LARGER("r6", "r7") TG_LARGER("r4", "r5") TG_LARGER("r8", "r9")
      TG_LARGER("r2", "r4") TG_LARGER("r6", "r8")
      TG_DSP_FINISH_LARGEST
      "ldr r12, [r0, #60]\n\t"
      "subs lr, lr, #2\n\t"
      "str lr, [r0, #44]\n\t"
      "add r3, r12, #2\n\t"
      "str r3, [r0, #60]\n\t"
      "add r10, r12, lr, asr #31\n\t"
      TG_DSP_SATURATE("r6")
      TG_DSP_SATURATE("r2")
      "strb r6, [r10, #1]\n\t"
      "strb r2, [r12]\n\t"
      "bgt 5b\n"
      "4:\n\t"
      "pop {r2, r3, r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_DSP_OUTPUT(sum, i) \
  (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, (const tg_u32 *)bias + 2 + (i)*TG_EPILOGUE_GLOW_WORDS, offset))
#else
#define TG_DSP_OUTPUT(sum, i) (int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset))
#endif
/* The outputs of pixels first and first + 2, the latter's at ``second`` from the former's; with pool, of all four's maximum.
 * What is not there is written first, and then over: a pixel, and the last pair's second channel. */
static TG_APART void tg_conv2d_dsp_s8_pairs(const tg_conv2d_dsp_s8_tile *t, const int8_t *filter, int32_t first,
                                            int8_t *output, int32_t second) {
  const int32_t groups = (int32_t)(t->end - t->columns) / 8;
  const int32_t offset = t->offset;
  const uint32_t scale = t->scales[0];
  const tg_i32 *bias = t->bias;
  (void)scale;
  TG_COMPACT
  for (int32_t channels = t->channels; channels > 0; channels -= 2) {
    int8_t *const odd = channels > 1 ? output + 1 : output;
    if (t->pool) {
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
    filter += 8 * groups;
  }
}

static void tg_conv2d_dsp_s8_channels(tg_conv2d_dsp_s8_tile *t, const int8_t *filter) {
  if (!t->pool) {
    const int32_t third = t->places[2] == t->places[1] ? 0 : t->places[2] - t->places[0];
    tg_conv2d_dsp_s8_pairs(t, filter, 1, t->output + t->places[0], third);
  }
  tg_conv2d_dsp_s8_pairs(t, filter, 0, t->output, t->places[1] == t->places[0] ? 0 : t->places[1]);
}

#endif

typedef struct {
  const tg_conv2d_dsp_s8_params *p;
  tg_dsp_sizes sizes;
  tg_conv2d_dsp_s8_tile tile;
  const int8_t *filter;
  const tg_i32 *bias;
} tg_conv2d_dsp_s8_work;

/* The four pixels that are laid out, of which count are wanted, or the maximum of them. */
static TG_SMALL TG_APART void tg_conv2d_dsp_s8_finish_tile(tg_conv2d_dsp_s8_work *w, int32_t count, int8_t *output) {
  const int32_t out_c = w->p->out_c;
  const uint32_t low = (uint32_t)TG_DSP_LOW_MINUS(w->p->filter_offset);
  const uint32_t whole = (uint32_t)TG_DSP_WHOLE_MINUS(w->p->filter_offset);
  tg_conv2d_dsp_s8_tile *t = &w->tile;
  t->whole[0] = t->low[0] * whole;
  t->whole[1] = t->low[1] * whole;
  t->whole[2] = t->low[2] * whole;
  t->whole[3] = t->low[3] * whole;
  t->low[0] *= low;
  t->low[1] *= low;
  t->low[2] *= low;
  t->low[3] *= low;
  t->places[0] = count > 1 ? out_c : 0;
  t->places[1] = count > 2 ? 2 * out_c : t->places[0];
  t->places[2] = count > 3 ? 3 * out_c : t->places[1];
  t->bias = w->bias;
  t->channels = out_c;
  t->output = output;
  tg_conv2d_dsp_s8_channels(t, w->filter);
}

/* Pixels in rows, four at a time. */
static TG_SMALL TG_APART void tg_conv2d_dsp_s8_rows(tg_conv2d_dsp_s8_work *w, const int8_t *input, int8_t *output) {
  const tg_conv2d_dsp_s8_params *p = w->p;
  const int32_t out_c = p->out_c;
  const int32_t end = p->out_w * p->stride_w - p->pad_left;
  const int32_t in_c = w->sizes.layout == TG_DSP_POINTWISE ? p->in_c : 0;
  int32_t top = -p->pad_top;
  int32_t left = -p->pad_left;
  for (int32_t rest = p->out_h * p->out_w; rest > 0; rest -= 4) {
    const int32_t count = tg_min(rest, 4);
    TG_COMPACT
    for (int32_t i = 0; i < count; i++) {
      if (in_c) {
        w->tile.low[i] = tg_dsp_expand(input, w->sizes.columns + i, in_c >> 2, 0);
        input += in_c;
        continue;
      }
      w->tile.low[i] = (uint32_t)tg_dsp_lay_out(&w->sizes, input, top, left, i);
      left += p->stride_w;
      if (left == end) {
        left = -p->pad_left;
        top += p->stride_h;
      }
    }
    tg_conv2d_dsp_s8_finish_tile(w, count, output);
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
      tg_conv2d_dsp_s8_finish_tile(w, 1, output);
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
  w.sizes.line = (int8_t *)(columns + 8 * groups + 2);
  w.sizes.direct = TG_DSP_DIRECT(p);
  w.tile.columns = columns;
  w.tile.end = columns + 8 * groups;
  w.tile.low[0] = w.tile.low[1] = w.tile.low[2] = w.tile.low[3] = 0;
#if TG_PER_CHANNEL
  w.tile.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  w.tile.scales[0] = w.tile.scales[1] = p->out.pre + ((uint32_t)p->out.multiplier << (32 - p->out.post));
  w.tile.offset = p->out.offset;
#endif
  w.tile.pool = p->pool;
  w.filter = filter;
  w.bias = bias;
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
#undef TG_LARGER
#undef TG_DSP_FINISH
#undef TG_DSP_OUTPUT
#undef TG_DSP_FINISH_LARGEST
#undef TG_DSP_SATURATE
#undef TG_DSP_CONSTANTS
#undef TG_DSP_SECOND
#undef TG_DSP_SHIFT
#undef TG_DSP_PRODUCT
