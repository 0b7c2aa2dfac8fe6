/* 2-D convolution of four channels by windows of 3x3, stride 1, for cores that multiply two halfwords: 2x2 pixels and
 * two output channels a step; with pool, the maximum of each 2x2 block. An even number of output channels.
 *
 * What a row of such blocks needs, four rows of the image with padding, lies in scratch: of each column, the channels
 * {0, 2} of its pixels, four words, and then the channels {1, 3}, as SXTB16 takes bytes apart. Two neighbouring columns of
 * words serve the left and the right pixels of a block for a third of their windows' columns: words of rows 0 to 2 the
 * upper, of rows 1 to 3 the lower ones.
 *
 * Filter, of each pair of channels: their biases, which the input's offset is folded into, and of every column of the
 * window, of channels {0, 2} and {1, 3}, three rows of two words, for the one and the other. No requantization wraps, so that
 * the maximum may be taken of the sums, and each is the upper word of a product.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of a pair after their weights. */
#include "tg_compact.h"
#include "tg_dsp.h"
#include "tg_dsp_3x3.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#define TG_COLUMN_WORDS 8 /* words */
#if TG_PER_CHANNEL
#define TG_PAIR_WORDS (38 + 2 * TG_EPILOGUE_GLOW_WORDS)
#else
#define TG_PAIR_WORDS 38
#endif

/* count columns of a row that lie beside the image, or above or below it. */
static inline uint32_t *tg_conv2d_3x3_dsp_s8_pad(uint32_t *to, int32_t count, uint32_t outside) {
  TG_COMPACT
  for (; count > 0; count--) {
    to[0] = outside;
    to[4] = outside;
    to += TG_COLUMN_WORDS;
  }
  return to;
}

/* Four rows, from top on, which may lie above the image. */
static TG_APART void tg_conv2d_3x3_dsp_s8_lay_out(const tg_conv2d_3x3_dsp_s8_params *p, const int8_t *image,
                                                  int32_t top, int32_t columns, uint32_t *words) {
  const uint32_t outside = tg_pack_halfwords(p->in_offset, p->in_offset);
  const int32_t in_w = p->in_w;
  const int32_t before = tg_min(p->pad_left, columns);
  const int32_t inside = tg_min(in_w, columns - before);
  TG_COMPACT
  for (int32_t row = top; row < top + 4; row++) {
    uint32_t *to = words++;
    int32_t rest = columns;
    if ((uint32_t)row < p->in_h) {
      const int8_t *x = image + 4 * row * in_w;
      to = tg_conv2d_3x3_dsp_s8_pad(to, before, outside);
      TG_COMPACT
      for (int32_t i = inside; i > 0; i--) {
        const uint32_t bytes = tg_load4(x);
        to[0] = tg_even(bytes);
        to[4] = tg_odd(bytes);
        x += 4;
        to += TG_COLUMN_WORDS;
      }
      rest -= before + inside;
    }
    tg_conv2d_3x3_dsp_s8_pad(to, rest, outside);
  }
}

/* Blocks in a row; the code below keeps them on the stack in this order. */
typedef struct {
  const uint32_t *end; /* of the columns of the block's left pixels */
  int32_t pre; /* this and the next with TG_PER_CHANNEL not used */
  int32_t scale; /* the multiplier, times 2**32 / 2**post */
  int32_t offset;
  int8_t *output;
  int32_t right; /* from a left pixel's output to the right one's; 0: there is none, and the left one takes its place */
  int32_t down;
  const uint32_t *columns; /* of the block */
  int32_t left_over;       /* pairs of channels of the block under way */
  const uint32_t *filter;
  int32_t pairs;
  int32_t count;
  int32_t skip; /* from the last channel's output to the next block's; 0: the maximum of each block is wanted */
  const tg_requant *out; /* what pre, scale and offset are made of */
} tg_conv2d_3x3_dsp_s8_blocks;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* On the M7 a load is issued beside a multiplication, and used two later; other cores load faster at one go. */
#if TG_DUAL_ISSUE
#define TG_FOUR(first, second, load1, third, fourth, load2) first second load1 third fourth load2
#else
#define TG_FOUR(first, second, load1, third, fourth, load2) first second third fourth load1 load2
#endif
#define TG_DOT(sum, x, w) "smlad " sum ", " x ", " w ", " sum "\n\t"
/* Sums of the upper and the lower pixels += words r6 (left) and r7 (right) times r4 (first channel) and r5 (second). */
#define TG_UPPER(load1, load2)                                                                    \
  TG_FOUR(TG_DOT("r2", "r6", "r4"), TG_DOT("r10", "r6", "r5"), load1, TG_DOT("r3", "r7", "r4"), \
          TG_DOT("r11", "r7", "r5"), load2)
#define TG_LOWER(load1, load2)                                                                   \
  TG_FOUR(TG_DOT("r8", "r6", "r4"), TG_DOT("r9", "r7", "r4"), load1, TG_DOT("r12", "r6", "r5"), \
          TG_DOT("lr", "r7", "r5"), load2)
/* Two channels of a column of the windows: 24 multiplications and 14 loads, 44 cycles on the M4. */
#define TG_COLUMN(load)                                                               \
  "ldr r5, [r1, #4]\n\t"                                                              \
  "ldr r7, [r0, #32]\n\t"                                                             \
  "ldr r6, [r0], #16\n\t"                                                             \
  "ldr r4, [r1], #24\n\t"                                                             \
  TG_UPPER("ldr r6, [r0, #-12]\n\t", "ldr r7, [r0, #20]\n\t")                         \
  TG_LOWER("ldr r4, [r1, #-16]\n\t", "ldr r5, [r1, #-12]\n\t")                        \
  TG_UPPER("ldr r6, [r0, #-8]\n\t", "ldr r7, [r0, #24]\n\t")                          \
  TG_LOWER("ldr r4, [r1, #-8]\n\t", "ldr r5, [r1, #-4]\n\t")                          \
  TG_UPPER("ldr r6, [r0, #-4]\n\t", "ldr r7, [r0, #28]\n\t") TG_LOWER(load, "")
#define TG_LARGER(a, b)  \
  "cmp " a ", " b "\n\t" \
  "it lt\n\t"            \
  "movlt " a ", " b "\n\t"
#define TG_ALL(what)                                                                                         \
  what("r2") what("r3") what("r8") what("r9") what("r10") what("r11") what("r12") what("lr")
#define TG_SHIFT_BY(sum, scale) "asr " sum ", " sum ", " scale "\n\t"
#define TG_SCALE_BY(sum, scale) "smmlar " sum ", " sum ", " scale ", r6\n\t"
/* Constants; the sums of all, or two that are the larger, to outputs that are not yet saturated. */
#if !TG_EPILOGUE_GLOW_FUSED
/* By the words of tg_epilogue_last.h, first those of the first channel. */
#define TG_CONSTANTS "ldrd r4, r5, [r1], #8\n\t"
#if TG_EPILOGUE_GLOW_SHIFTED
#define TG_PLUS "lsl r7, r6, r5\n\t"
#define TG_PRODUCT(sum) TG_EPILOGUE_GLOW_PRODUCT(sum, "r0", "r4", "r7")
#define TG_SHIFT(sum) TG_SHIFT_BY(sum, "r5")
#define TG_SCALE_TWO                                                                       \
  TG_PLUS TG_PRODUCT("r2") TG_SHIFT("r2") TG_CONSTANTS TG_PLUS TG_PRODUCT("r10") TG_SHIFT("r10") \
  "ldr r7, [sp, #16]\n\t"
#define TG_SCALE_ALL                                                                       \
  TG_PLUS TG_PRODUCT("r2") TG_PRODUCT("r3") TG_PRODUCT("r8") TG_PRODUCT("r9")            \
  TG_SHIFT("r2") TG_SHIFT("r3") TG_SHIFT("r8") TG_SHIFT("r9")                            \
  TG_CONSTANTS                                                                             \
  TG_PLUS TG_PRODUCT("r10") TG_PRODUCT("r11") TG_PRODUCT("r12") TG_PRODUCT("lr")         \
  TG_SHIFT("r10") TG_SHIFT("r11") TG_SHIFT("r12") TG_SHIFT("lr")                         \
  "ldr r7, [sp, #16]\n\t"
#else
#define TG_PRODUCTS(first, second) TG_EPILOGUE_GLOW_TWO(first, "r0", second, "r5", "r4", "r6")
#define TG_SCALE_TWO                                                               \
  TG_EPILOGUE_GLOW_PRODUCT("r2", "r0", "r4", "r6") TG_CONSTANTS                  \
  TG_EPILOGUE_GLOW_PRODUCT("r10", "r0", "r4", "r6")
#define TG_SCALE_ALL                                                               \
  TG_PRODUCTS("r2", "r3") TG_PRODUCTS("r8", "r9") TG_CONSTANTS                  \
  TG_PRODUCTS("r10", "r11") TG_PRODUCTS("r12", "lr")
#endif
#elif TG_PER_CHANNEL
#define TG_CONSTANTS "ldrd r4, r5, [r1], #8\n\t"
#define TG_MULTIPLIERS "bic r4, r4, #255\n\t" "bic r5, r5, #255\n\t"
#define TG_SCALE_TWO                                                \
  TG_SHIFT_BY("r2", "r4") TG_SHIFT_BY("r10", "r5") TG_MULTIPLIERS \
  TG_SCALE_BY("r2", "r4") TG_SCALE_BY("r10", "r5")
#define TG_SCALE_ALL                                                                                              \
  TG_SHIFT_BY("r2", "r4") TG_SHIFT_BY("r3", "r4") TG_SHIFT_BY("r8", "r4") TG_SHIFT_BY("r9", "r4")             \
  TG_SHIFT_BY("r10", "r5") TG_SHIFT_BY("r11", "r5") TG_SHIFT_BY("r12", "r5") TG_SHIFT_BY("lr", "r5")          \
  TG_MULTIPLIERS                                                                                                  \
  TG_SCALE_BY("r2", "r4") TG_SCALE_BY("r3", "r4") TG_SCALE_BY("r8", "r4") TG_SCALE_BY("r9", "r4")             \
  TG_SCALE_BY("r10", "r5") TG_SCALE_BY("r11", "r5") TG_SCALE_BY("r12", "r5") TG_SCALE_BY("lr", "r5")
#else
#define TG_CONSTANTS "ldr r4, [sp, #4]\n\t" "ldr r5, [sp, #8]\n\t"
#define TG_SHIFT(sum) TG_SHIFT_BY(sum, "r4")
#define TG_SCALE(sum) TG_SCALE_BY(sum, "r5")
#define TG_SCALE_TWO TG_SHIFT("r2") TG_SHIFT("r10") TG_SCALE("r2") TG_SCALE("r10")
#define TG_SCALE_ALL TG_ALL(TG_SHIFT) TG_ALL(TG_SCALE)
#endif
#if TG_EPILOGUE_GLOW_FUSED
#define TG_SATURATE(sum) "ssat " sum ", #8, " sum "\n\t"
#else
#define TG_SATURATE(sum) TG_EPILOGUE_GLOW_SATURATE(sum)
#endif

/* count > 0 blocks. r0: columns, r1: filter. Sums of the first channel: r2, r3, r8, r9; of the second: r10, r11, r12, lr. */
static TG_APART void tg_conv2d_3x3_dsp_s8_compute(const tg_conv2d_3x3_dsp_s8_blocks *row) {
  register const tg_conv2d_3x3_dsp_s8_blocks *r0 __asm__("r0") = row;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}\n\t"
      "push {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}\n"
      "5:\n\t"
      "ldrd r1, r2, [sp, #36]\n\t"
      "str r2, [sp, #32]\n"
      "4:\n\t"
      "ldr r0, [sp, #28]\n\t"
      "ldm r1!, {r2, r10}\n\t"
      "mov r3, r2\n\t"
      "mov r8, r2\n\t"
      "mov r9, r2\n\t"
      "mov r11, r10\n\t"
      "mov r12, r10\n\t"
      "mov lr, r10\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_COLUMN("")
      TG_COLUMN("ldr r4, [sp]\n\t")
      "cmp r0, r4\n\t"
      "bne 1b\n\t"
      "ldr r7, [sp, #48]\n\t"
      TG_CONSTANTS
      "ldr r6, [sp, #12]\n\t"
      "cmp r7, #0\n\t"
      "ldr r7, [sp, #16]\n\t"
      "bne 2f\n\t"
      TG_LARGER("r2", "r3") TG_LARGER("r10", "r11") TG_LARGER("r8", "r9") TG_LARGER("r12", "lr")
      TG_LARGER("r2", "r8") TG_LARGER("r10", "r12")
      TG_SCALE_TWO
      TG_SATURATE("r2") TG_SATURATE("r10")
      "b 3f\n"
      "2:\n\t"
      TG_SCALE_ALL
      "ldrd r4, r5, [sp, #20]\n\t"
      TG_ALL(TG_SATURATE)
      "add r6, r7, r5\n\t"
      "add r5, r7, r4\n\t"
      "add r0, r6, r4\n\t"
      "strb r9, [r0]\n\t"
      "strb lr, [r0, #1]\n\t"
      "strb r8, [r6]\n\t"
      "strb r12, [r6, #1]\n\t"
      "strb r3, [r5]\n\t"
      "strb r11, [r5, #1]\n"
      "3:\n\t"
      "strb r2, [r7]\n\t"
      "strb r10, [r7, #1]\n\t"
      "adds r7, r7, #2\n\t"
      "ldr r2, [sp, #32]\n\t"
      "str r7, [sp, #16]\n\t"
      "subs r2, r2, #1\n\t"
      "str r2, [sp, #32]\n\t"
      "bne 4b\n\t"
      "ldr r0, [sp]\n\t"
      "ldr r1, [sp, #28]\n\t"
      "ldr r2, [sp, #44]\n\t"
      "ldr r3, [sp, #48]\n\t"
      "adds r0, r0, #64\n\t"
      "adds r1, r1, #64\n\t"
      "adds r7, r7, r3\n\t"
      "str r0, [sp]\n\t"
      "str r1, [sp, #28]\n\t"
      "str r7, [sp, #16]\n\t"
      "subs r2, r2, #1\n\t"
      "str r2, [sp, #44]\n\t"
      "bne 5b\n\t"
      "add sp, sp, #52\n\t"
      "pop {r7}\n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

/* words: the channel's, with TG_PER_CHANNEL. */
static int8_t tg_conv2d_3x3_dsp_s8_finish(const tg_conv2d_3x3_dsp_s8_blocks *row, int32_t sum, const tg_u32 *words) {
#if TG_PER_CHANNEL
  return (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, words, row->offset));
#else
  (void)words;
  return (int8_t)tg_saturate_s8(tg_epilogue_glow(sum, row->out));
#endif
}

static void tg_conv2d_3x3_dsp_s8_compute(const tg_conv2d_3x3_dsp_s8_blocks *row) {
  const uint32_t *columns = row->columns;
  int8_t *output = row->output;
  for (int32_t i = 0; i < row->count; i++) {
    for (int32_t channel = 0; channel < 2 * row->pairs; channel++) {
      const tg_u32 *pair = row->filter + (channel >> 1) * TG_PAIR_WORDS;
      const tg_u32 *filter = pair + (channel & 1);
      const tg_u32 *words = pair + 38 + (channel & 1) * TG_EPILOGUE_GLOW_WORDS;
      int32_t sums[4];
      tg_dsp_3x3_block(columns, filter + 2, *filter, sums);
      if (row->skip) {
        output[row->down + row->right] = tg_conv2d_3x3_dsp_s8_finish(row, sums[3], words);
        output[row->down] = tg_conv2d_3x3_dsp_s8_finish(row, sums[2], words);
        output[row->right] = tg_conv2d_3x3_dsp_s8_finish(row, sums[1], words);
      } else {
        sums[0] = tg_max(tg_max(sums[0], sums[1]), tg_max(sums[2], sums[3]));
      }
      *output++ = tg_conv2d_3x3_dsp_s8_finish(row, sums[0], words);
    }
    columns += 2 * TG_COLUMN_WORDS;
    output += row->skip;
  }
}

#endif

/* The row's last block, of which there may be but the left half, is computed by itself. */
static TG_SMALL TG_APART void tg_conv2d_3x3_dsp_s8_row_of_blocks(tg_conv2d_3x3_dsp_s8_blocks *row,
                                                                 const uint32_t *columns, int32_t width) {
  row->columns = columns;
  row->end = columns + 3 * TG_COLUMN_WORDS;
  row->count = width >> 1;
  if (row->count > 0) {
    tg_conv2d_3x3_dsp_s8_compute(row);
  }
  if (width & 1) {
    const int32_t outputs = row->count * 2 * row->skip;
    row->columns += row->count * 2 * TG_COLUMN_WORDS;
    row->end += row->count * 2 * TG_COLUMN_WORDS;
    row->output += outputs;
    row->right = 0;
    row->count = 1;
    tg_conv2d_3x3_dsp_s8_compute(row);
  }
}

TG_SMALL
void tg_conv2d_3x3_dsp_s8(const tg_conv2d_3x3_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                          int8_t *output, tg_i32 *scratch) {
  uint32_t *columns = (uint32_t *)scratch;
  const int32_t height = p->pool ? 2 * p->out_h : p->out_h;
  const int32_t width = p->pool ? 2 * p->out_w : p->out_w;
  const int32_t out_row = p->out_w * p->out_c;
  tg_conv2d_3x3_dsp_s8_blocks row;
#if TG_PER_CHANNEL
  row.pre = 0;
  row.scale = 0;
  row.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  row.pre = p->out.pre;
  row.scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  row.offset = p->out.offset;
  row.out = &p->out;
#endif
  row.filter = (const uint32_t *)filter;
  row.pairs = p->out_c >> 1;
  row.skip = p->pool ? 0 : p->out_c;
  for (int32_t image = 0; image < p->images; image++) {
    TG_COMPACT
    for (int32_t y = 0; y < height; y += 2) {
      tg_conv2d_3x3_dsp_s8_lay_out(p, input, y - p->pad_top, (width + 3) & ~1, columns);
      row.output = output + (p->pool ? y >> 1 : y) * out_row;
      row.right = p->out_c;
      row.down = y + 1 < height ? out_row : 0;
      tg_conv2d_3x3_dsp_s8_row_of_blocks(&row, columns, width);
    }
    const int32_t outputs = p->out_h * out_row;
#if TG_PER_CHANNEL
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
#else
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
      TG_COMPACT
      for (int32_t i = 0; i < outputs; i++) {
        output[i] = tg_clamp_s8(output[i], p->act_min, p->act_max);
      }
    }
#endif
    input += 4 * p->in_h * p->in_w;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_COLUMN_WORDS
#undef TG_PAIR_WORDS
#undef TG_FOUR
#undef TG_DOT
#undef TG_UPPER
#undef TG_LOWER
#undef TG_COLUMN
#undef TG_LARGER
#undef TG_ALL
#undef TG_SHIFT_BY
#undef TG_SCALE_BY
#undef TG_CONSTANTS
#undef TG_MULTIPLIERS
#undef TG_PLUS
#undef TG_PRODUCT
#undef TG_PRODUCTS
#undef TG_SCALE_TWO
#undef TG_SCALE_ALL
#undef TG_SHIFT
#undef TG_SCALE
#undef TG_SATURATE
