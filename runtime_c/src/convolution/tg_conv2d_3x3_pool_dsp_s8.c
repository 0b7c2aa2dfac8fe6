/* The maxima of 2x2 blocks of a 3x3 convolution of one channel, stride 1: what many networks of images begin with.
 *
 * Four rows of the image lie in scratch as halfwords, two pixels a word, with padding: the rows that one row of blocks
 * needs. The words of four rows stand together, each in the place of its row's last two bits, so that two rows stay where
 * they are while the other two change. A block is two such groups of four. Of the words of a row, (x0, x1) and (x2, x3),
 * the left pixel's sum takes x0, x1, x2, the right one's x1, x2, x3. A row of weights is two words, (w0, w1) and (w1, w2).
 * The input's offset, which padding holds, is folded into the bias. No requantization wraps, so that the maximum may be
 * taken of the sums, and each is the upper word of a product.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), a word after its weights. */
#include "tg_compact.h"
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

/* One row of the image, or of the padding above or below it, in every fourth word. */
static TG_APART void tg_conv2d_3x3_pool_dsp_s8_lay_out(const tg_conv2d_3x3_pool_dsp_s8_params *p, const int8_t *image,
                                                       int32_t row, uint32_t *out) {
  const int32_t outside = p->in_offset;
  int32_t words = p->out_w + 1;
  if ((uint32_t)row < p->in_h) {
    const int8_t *x = image + row * p->in_w;
    int32_t rest = p->in_w;
    int32_t pairs = tg_min(p->pad_left >> 1, words);
    words -= pairs;
    TG_COMPACT
    for (; pairs > 0; pairs--) {
      *out = tg_pack_halfwords(outside, outside);
      out += 4;
    }
    if ((p->pad_left & 1) && words > 0) {
      *out = tg_pack_halfwords(outside, *x++);
      out += 4;
      words--;
      rest--;
    }
    pairs = tg_min(rest >> 1, words);
    words -= pairs;
    TG_COMPACT
    for (; pairs > 1; pairs -= 2) {
      const uint32_t bytes = tg_load4(x);
      const uint32_t even = tg_even(bytes);
      const uint32_t odd = tg_odd(bytes);
      out[0] = tg_pack_halfwords((int32_t)even, (int32_t)odd);
      out[4] = tg_pack_upper_halfwords(even, odd);
      out += 8;
      x += 4;
    }
    if (pairs > 0) {
      *out = tg_pack_halfwords(x[0], x[1]);
      out += 4;
      x += 2;
    }
    if (words > 0 && (rest & 1)) {
      *out = tg_pack_halfwords(*x, outside);
      out += 4;
      words--;
    }
  }
  TG_COMPACT
  for (; words > 0; words--) {
    *out = tg_pack_halfwords(outside, outside);
    out += 4;
  }
}

#if TG_PER_CHANNEL
#define TG_FILTER_WORDS (7 + TG_EPILOGUE_GLOW_WORDS) /* of a channel */
#else
#define TG_FILTER_WORDS 7
#endif

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* A row of blocks, for the code below, which keeps it on the stack in this order. */
typedef struct {
  int32_t bias; /* of the channel under way */
  uint32_t shift; /* the one before the multiplication; from bit 8 on, how far one output is from the next */
  int32_t scale;  /* the multiplier, times 2**32 / 2**post */
  int32_t offset;
  const uint32_t *end; /* where a block after the last would begin */
  const uint32_t *first;
  const uint32_t *filter;
  int8_t *output;
  int32_t channels;
} tg_conv2d_3x3_pool_dsp_s8_blocks;

/* With TG_PER_CHANNEL: the channel's scale, as shift and scale on the stack. */
#if !TG_EPILOGUE_GLOW_FUSED
/* By the words of tg_epilogue_last.h. */
#if TG_EPILOGUE_GLOW_SHIFTED
#define TG_FIRST_SHIFT       \
  "ldr r4, [sp, #4]\n\t"     \
  "bfi r4, r5, #0, #8\n\t"   \
  "str r4, [sp, #4]\n\t"
#define TG_FINISH                                      \
  "lsl r5, r5, r6\n\t"                                 \
  TG_EPILOGUE_GLOW_PRODUCT("r2", "r3", "r7", "r5")   \
  "asr r2, r2, r6\n\t" TG_EPILOGUE_GLOW_SATURATE("r2")
#else
#define TG_FIRST_SHIFT
#define TG_FINISH TG_EPILOGUE_GLOW_PRODUCT("r2", "r3", "r7", "r5")
#endif
#define TG_FIRST_SCALE         \
  "ldrd r4, r5, [r3], #8\n\t"  \
  "str r4, [sp, #8]\n\t" TG_FIRST_SHIFT
#elif TG_PER_CHANNEL
#define TG_FIRST_SCALE       \
  "ldr r4, [r3], #4\n\t"     \
  "ldr r5, [sp, #4]\n\t"     \
  "bfi r5, r4, #0, #8\n\t"   \
  "bic r4, r4, #255\n\t"     \
  "str r5, [sp, #4]\n\t"     \
  "str r4, [sp, #8]\n\t"
#else
#define TG_FIRST_SCALE
#endif

/* The maximum of a block, in r2, to what is saturated; r5: the shift. Other constants, and of the next block the words of its
 * first row and the bias, are loaded meanwhile. */
#define TG_CONSTANTS(scale)         \
  "ldr " scale ", [sp, #8]\n\t"     \
  "ldr r5, [sp, #12]\n\t"
#define TG_NEXT             \
  "ldr r6, [r0]\n\t"        \
  "ldr r7, [r0, #16]\n\t"   \
  "ldr r4, [sp]\n\t"
#if TG_EPILOGUE_GLOW_FUSED
#define TG_SCALED(next) "asr r2, r2, r5\n\t" TG_CONSTANTS("r3") next "smmlar r2, r2, r3, r5\n\t"
#define TG_SATURATED "ssat r2, #8, r2\n\t"
#else
#define TG_SCALED(next) "mov r6, r5\n\t" TG_CONSTANTS("r7") TG_FINISH next
#define TG_SATURATED
#endif

/* Sums of a left and a right pixel += products of a row: words r6 and r7 times weights w0 and w1. */
#define TG_LEFT(left, right, w0)                 \
  "smlad " left ", r6, " w0 ", " left "\n\t"    \
  "smlabt " right ", " w0 ", r6, " right "\n\t"
#define TG_RIGHT(left, right, w1)                \
  "smlabt " left ", r7, " w1 ", " left "\n\t"   \
  "smlad " right ", r7, " w1 ", " right "\n\t"
#define TG_LARGER(a, b)  \
  "cmp " a ", " b "\n\t" \
  "it lt\n\t"            \
  "movlt " a ", " b "\n\t"

/* On the M7 a load is issued beside a multiplication, and used two later; other cores load faster at one go. */
#if TG_DUAL_ISSUE
#define TG_EARLY(load) load
#define TG_LATE(load)
#else
#define TG_EARLY(load)
#define TG_LATE(load) load
#endif

/* One channel after the other, its weights in registers. Per block 24 multiplications, 13 loads, three comparisons. Sums of the
 * upper pixels: r3 and r5, of the lower ones: r2 and r4. A block's output is made when the next block begins. */
static TG_APART void tg_conv2d_3x3_pool_dsp_s8_row_of_blocks(const tg_conv2d_3x3_pool_dsp_s8_blocks *row) {
  register const tg_conv2d_3x3_pool_dsp_s8_blocks *r0 __asm__("r0") = row;
  __asm__ volatile(
      ".syntax unified\n\t"
      "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9, r10}\n\t"
      "sub r9, r9, r2, lsr #8\n\t"
      "push {r7}\n\t"
      "push {r1, r2, r3, r4, r5, r6, r8, r9, r10}\n"
      "2:\n\t"
      "ldrd r0, r3, [sp, #20]\n\t"
      "ldr r1, [sp, #28]\n\t"
      "ldm r3!, {r2, r8, r9, r10, r11, r12, lr}\n\t"
      TG_FIRST_SCALE
      "str r3, [sp, #24]\n\t"
      "str r2, [sp]\n\t"
      TG_NEXT
      "smlad r3, r6, r8, r4\n\t"
      "smlabt r5, r8, r6, r4\n\t"
      "smlabt r3, r7, r9, r3\n\t"
      "b 3f\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_SCALED(TG_NEXT)
      "smlad r3, r6, r8, r4\n\t"
      "smlabt r5, r8, r6, r4\n\t"
      TG_SATURATED
      "smlabt r3, r7, r9, r3\n\t"
      "strb r2, [r1]\n"
      "3:\n\t"
      TG_EARLY("ldr r6, [r0, #4]\n\t")
      "smlad r5, r7, r9, r5\n\t"
      TG_LATE("ldr r6, [r0, #4]\n\t")
      "ldr r7, [r0, #20]\n\t"
      "eor r0, r0, #8\n\t" /* the other two rows */
      TG_LEFT("r3", "r5", "r10")
      "smlad r2, r6, r8, r4\n\t"
      "smlabt r4, r8, r6, r4\n\t"
      TG_EARLY("ldr r6, [r0]\n\t")
      TG_RIGHT("r3", "r5", "r11")
      TG_RIGHT("r2", "r4", "r9")
      TG_LATE("ldr r6, [r0]\n\t")
      "ldr r7, [r0, #16]!\n\t"
      TG_LEFT("r3", "r5", "r12")
      TG_LEFT("r2", "r4", "r10")
      TG_EARLY("ldr r6, [r0, #-12]\n\t")
      TG_RIGHT("r3", "r5", "lr")
      TG_RIGHT("r2", "r4", "r11")
      TG_LATE("ldr r6, [r0, #-12]\n\t")
      "ldr r7, [r0, #4]\n\t"
      "smlad r2, r6, r12, r2\n\t"
      "cmp r3, r5\n\t"
      "smlabt r4, r12, r6, r4\n\t"
      "it lt\n\t"
      "movlt r3, r5\n\t"
      "smlabt r2, r7, lr, r2\n\t"
      TG_EARLY("ldr r5, [sp, #4]\n\t")
      "smlad r4, r7, lr, r4\n\t"
      TG_LATE("ldr r5, [sp, #4]\n\t")
      "ldr r6, [sp, #16]\n\t"
      "eor r0, r0, #8\n\t"
      TG_LARGER("r2", "r3")
      "add r1, r1, r5, lsr #8\n\t"
      TG_LARGER("r2", "r4")
      "cmp r0, r6\n\t"
      "bne 1b\n\t"
      TG_SCALED("")
      TG_SATURATED
      "strb r2, [r1]\n\t"
      "ldrd r0, r1, [sp, #28]\n\t"
      "adds r0, r0, #1\n\t"
      "subs r1, r1, #1\n\t"
      "strd r0, r1, [sp, #28]\n\t"
      "bne 2b\n\t"
      "add sp, sp, #36\n\t"
      "pop {r7}\n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

static inline int8_t *tg_conv2d_3x3_pool_dsp_s8_row_of_outputs(const tg_conv2d_3x3_pool_dsp_s8_params *p,
                                                               const uint32_t *first, const uint32_t *filter,
                                                               int8_t *output) {
  const uint32_t *end = first + 4 * p->out_w;
#if TG_PER_CHANNEL
  const tg_conv2d_3x3_pool_dsp_s8_blocks row = {
      0, (uint32_t)p->out_c << 8, 0, TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset), end, first, filter, output, p->out_c};
#else
  const uint32_t shift = p->out.pre | (uint32_t)p->out_c << 8;
  const int32_t scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  const tg_conv2d_3x3_pool_dsp_s8_blocks row = {0, shift, scale, p->out.offset, end, first, filter, output, p->out_c};
#endif
  tg_conv2d_3x3_pool_dsp_s8_row_of_blocks(&row);
  return output + p->out_w * p->out_c;
}

#else

/* Adds one row of weights to the sums of a left and a right pixel, {left, right}; x: the first of the row's words. */
static inline void tg_conv2d_3x3_pool_dsp_s8_add_row(const uint32_t *x, const uint32_t *weights, uint32_t *sums) {
  sums[0] = tg_dot_low_high(x[4], weights[1], tg_dot2(x[0], weights[0], sums[0]));
  sums[1] = tg_dot2(x[4], weights[1], tg_dot_low_high(weights[0], x[0], sums[1]));
}

/* The largest sum of one block and one channel. first, last: words of the first and the last two rows. */
static inline int32_t tg_conv2d_3x3_pool_dsp_s8_square(const uint32_t *first, const uint32_t *last,
                                                       const uint32_t *filter) {
  uint32_t upper[2] = {filter[0], filter[0]};
  uint32_t lower[2] = {filter[0], filter[0]};
  tg_conv2d_3x3_pool_dsp_s8_add_row(first, filter + 1, upper);
  tg_conv2d_3x3_pool_dsp_s8_add_row(first + 1, filter + 1, lower);
  tg_conv2d_3x3_pool_dsp_s8_add_row(first + 1, filter + 3, upper);
  tg_conv2d_3x3_pool_dsp_s8_add_row(last, filter + 3, lower);
  tg_conv2d_3x3_pool_dsp_s8_add_row(last, filter + 5, upper);
  tg_conv2d_3x3_pool_dsp_s8_add_row(last + 1, filter + 5, lower);
  const int32_t above = tg_max((int32_t)upper[0], (int32_t)upper[1]);
  const int32_t below = tg_max((int32_t)lower[0], (int32_t)lower[1]);
  return tg_max(above, below);
}

static inline int8_t *tg_conv2d_3x3_pool_dsp_s8_row_of_outputs(const tg_conv2d_3x3_pool_dsp_s8_params *p,
                                                               const uint32_t *first, const uint32_t *filter,
                                                               int8_t *output) {
  const uint32_t *last = (const uint32_t *)((uintptr_t)first ^ 8);
  const uint32_t *const filter_end = filter + TG_FILTER_WORDS * p->out_c;
#if TG_PER_CHANNEL
  const int32_t offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  const int32_t pre = p->out.pre;
  const int32_t scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  const int32_t offset = p->out.offset;
#endif
  for (const uint32_t *end = first + 4 * p->out_w; first < end; first += 4) {
    TG_COMPACT
    for (const uint32_t *w = filter; w < filter_end; w += TG_FILTER_WORDS) {
      const int32_t sum = tg_conv2d_3x3_pool_dsp_s8_square(first, last, w);
#if TG_PER_CHANNEL
      *output++ = (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, w + 7, offset));
#else
      *output++ = (int8_t)tg_saturate_s8(tg_high_plus(sum >> pre, scale, offset));
#endif
    }
    last += 4;
  }
  return output;
}

#endif

TG_SMALL
void tg_conv2d_3x3_pool_dsp_s8(const tg_conv2d_3x3_pool_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                               int8_t *output, tg_i32 *scratch) {
  uint32_t *words = (uint32_t *)scratch;
  words += (uintptr_t)words >> 2 & 2; /* so that an exclusive or gets from the first two rows to the others and back */
  for (int32_t image = 0; image < p->images; image++) {
    int32_t row = 0;
    int8_t *const begin = output;
    for (int32_t y = 0; y < p->out_h; y++) {
      TG_COMPACT
      for (; row < 2 * y + 4; row++) {
        tg_conv2d_3x3_pool_dsp_s8_lay_out(p, input, row - p->pad_top, words + (row & 3));
      }
      output = tg_conv2d_3x3_pool_dsp_s8_row_of_outputs(p, words + (2 * y & 3), (const uint32_t *)filter, output);
    }
#if TG_PER_CHANNEL
    tg_dsp_clamp(begin, (int32_t)(output - begin), p->act_min, p->act_max);
#else
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
      TG_COMPACT
      for (int8_t *at = begin; at < output; at++) {
        *at = tg_clamp_s8(*at, p->act_min, p->act_max);
      }
    }
#endif
    input += p->in_h * p->in_w;
  }
}

#undef TG_PER_CHANNEL
#undef TG_FILTER_WORDS
#undef TG_FIRST_SCALE
#undef TG_FIRST_SHIFT
#undef TG_FINISH
#undef TG_CONSTANTS
#undef TG_NEXT
#undef TG_SCALED
#undef TG_SATURATED
#undef TG_LEFT
#undef TG_RIGHT
#undef TG_LARGER
#undef TG_EARLY
#undef TG_LATE
