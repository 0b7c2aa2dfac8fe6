/* 2-D convolution with few weights, such as networks begin with, for cores that multiply two halfwords: four pixels of a row
 * and two output channels a step; with pool, the maximum of each 2x2 block. No groups, no dilation, an even number of
 * output channels.
 *
 * Columns: the inputs of four pixels as 16-bit numbers, see tg_dsp_windows.h.
 *
 * Filter, of each pair of channels: their biases, which the input's offset is folded into, and for each word of a pixel a
 * word of the one channel and of the other; one word after the last pair's, which may be read ahead. Weights of what
 * belongs to no tap are zero. No requantization wraps, so that the maximum may be taken of the sums, and each is the upper
 * word of a product.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), those of a pair after their weights. */
#include "tg_compact.h"
#include "tg_dsp.h"
#include "tg_dsp_windows.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_PAIR_SCALES (2 * TG_EPILOGUE_GLOW_WORDS) /* words */
#else
#define TG_PAIR_SCALES 0
#endif
#define TG_STEPS 7 /* words of each pixel that one turn of the loop multiplies */
#define TG_STEP_BYTES 44 /* of the loop's code */

/* Four pixels; the code below keeps all but the filter on the stack in this order. */
typedef struct {
  const tg_u32 *end; /* of the columns */
  int32_t pre; /* this and the next with TG_PER_CHANNEL not used */
  int32_t scale; /* the multiplier, times 2**32 / 2**post */
  int32_t offset;
  int8_t *output;
  int32_t places[3]; /* of pixels 1 to 3, from pixel 0's; those that do not count take the place of the last that does */
  int8_t *output_end; /* of pixel 0 */
  const tg_u32 *columns;
  int32_t skip; /* steps that the first turn leaves out, times 8 */
  int32_t entry; /* where it begins in the loop, in bytes */
  int32_t pool;
  const tg_i32 *filter;
} tg_conv2d_small_dsp_s8_tile;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* Sums of the first channel in r2, r3, r8, r9; of the second in r10, r11, r12, lr. r0: columns, r1: filter. */
#define TG_DOT(sum, x, w) "smlad " sum ", " x ", " w ", " sum "\n\t"
#define TG_LOAD(register, base, place) "ldr.n " register ", [" base ", #" place "]\n\t"
/* A word of each pixel times one of both channels: 16 cycles on the M4 and 8 on the M7, which loads beside a multiplication
 * what is multiplied two later. w: where the words of the filter are, x: where those of the pixels are. */
#if TG_DUAL_ISSUE
#define TG_FIRST_TURN "sub r11, r11, #8\n\t"
#define TG_AHEAD                                                                         \
  "add lr, r1, r4\n\t" TG_LOAD("r6", "r0", "0") TG_LOAD("r7", "r0", "4")               \
  "sub r0, r0, r4, lsl #1\n\t" "ldr r4, [lr, #8]\n\t" "sub r0, r0, #16\n\t"
#define TG_STEP(w0, w1, x0, x1, x2, x3, next_w, next_x0, next_x1)                                    \
  TG_DOT("r2", "r6", "r4") TG_LOAD("r5", "r1", w1) TG_DOT("r3", "r7", "r4")                           \
  TG_DOT("r10", "r6", "r5") TG_LOAD("r6", "r0", x2) TG_DOT("r11", "r7", "r5") TG_LOAD("r7", "r0", x3) \
  TG_DOT("r8", "r6", "r4") TG_DOT("r9", "r7", "r4") TG_LOAD("r4", "r1", next_w)                       \
  TG_DOT("r12", "r6", "r5") TG_LOAD("r6", "r0", next_x0)                                              \
  TG_DOT("lr", "r7", "r5") TG_LOAD("r7", "r0", next_x1)
#else
#define TG_FIRST_TURN "sub r10, r10, r11, lsl #1\n\t" "sub r11, r11, #8\n\t"
#define TG_AHEAD
#define TG_STEP(w0, w1, x0, x1, x2, x3, next_w, next_x0, next_x1)                                        \
  TG_LOAD("r4", "r1", w0) TG_LOAD("r5", "r1", w1) TG_LOAD("r6", "r0", x0) TG_LOAD("r7", "r0", x1)        \
  TG_DOT("r2", "r6", "r4") TG_DOT("r3", "r7", "r4") TG_DOT("r10", "r6", "r5") TG_DOT("r11", "r7", "r5")  \
  TG_LOAD("r6", "r0", x2) TG_LOAD("r7", "r0", x3)                                                        \
  TG_DOT("r8", "r6", "r4") TG_DOT("r9", "r7", "r4") TG_DOT("r12", "r6", "r5") TG_DOT("lr", "r7", "r5")
#endif
#define TG_LARGER(a, b)  \
  "cmp " a ", " b "\n\t" \
  "it lt\n\t"            \
  "movlt " a ", " b "\n\t"
#define TG_ALL(what) \
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
#define TG_SCALE_TWO                                                                              \
  TG_PLUS TG_PRODUCT("r2") TG_SHIFT("r2") TG_CONSTANTS TG_PLUS TG_PRODUCT("r10") TG_SHIFT("r10") \
  "ldr r7, [sp, #16]\n\t"
#define TG_SCALE_ALL                                                              \
  TG_PLUS TG_PRODUCT("r2") TG_PRODUCT("r3") TG_PRODUCT("r8") TG_PRODUCT("r9")     \
  TG_SHIFT("r2") TG_SHIFT("r3") TG_SHIFT("r8") TG_SHIFT("r9")                     \
  TG_CONSTANTS                                                                    \
  TG_PLUS TG_PRODUCT("r10") TG_PRODUCT("r11") TG_PRODUCT("r12") TG_PRODUCT("lr")  \
  TG_SHIFT("r10") TG_SHIFT("r11") TG_SHIFT("r12") TG_SHIFT("lr")                  \
  "ldr r7, [sp, #16]\n\t"
#else
#define TG_PRODUCTS(first, second) TG_EPILOGUE_GLOW_TWO(first, "r0", second, "r5", "r4", "r6")
#define TG_SCALE_TWO                                                            \
  TG_EPILOGUE_GLOW_PRODUCT("r2", "r0", "r4", "r6") TG_CONSTANTS                 \
  TG_EPILOGUE_GLOW_PRODUCT("r10", "r0", "r4", "r6")
#define TG_SCALE_ALL                                                            \
  TG_PRODUCTS("r2", "r3") TG_PRODUCTS("r8", "r9") TG_CONSTANTS                  \
  TG_PRODUCTS("r10", "r11") TG_PRODUCTS("r12", "lr")
#endif
#elif TG_PER_CHANNEL
#define TG_CONSTANTS "ldrd r4, r5, [r1], #8\n\t"
#define TG_MULTIPLIERS "bic r4, r4, #255\n\t" "bic r5, r5, #255\n\t"
#define TG_SCALE_TWO                                              \
  TG_SHIFT_BY("r2", "r4") TG_SHIFT_BY("r10", "r5") TG_MULTIPLIERS \
  TG_SCALE_BY("r2", "r4") TG_SCALE_BY("r10", "r5")
#define TG_SCALE_ALL                                                                              \
  TG_SHIFT_BY("r2", "r4") TG_SHIFT_BY("r3", "r4") TG_SHIFT_BY("r8", "r4") TG_SHIFT_BY("r9", "r4") \
  TG_SHIFT_BY("r10", "r5") TG_SHIFT_BY("r11", "r5") TG_SHIFT_BY("r12", "r5") TG_SHIFT_BY("lr", "r5") \
  TG_MULTIPLIERS                                                                                  \
  TG_SCALE_BY("r2", "r4") TG_SCALE_BY("r3", "r4") TG_SCALE_BY("r8", "r4") TG_SCALE_BY("r9", "r4") \
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

/* All channels of the tile. */
static TG_APART void tg_conv2d_small_dsp_s8_compute(const tg_conv2d_small_dsp_s8_tile *tile) {
  register const tg_conv2d_small_dsp_s8_tile *r0 __asm__("r0") = tile;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "ldm r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}\n\t"
      TG_FIRST_TURN
      "push {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}\n\t"
      "adr.w r2, 1f\n\t"
      "ldr r1, [r0]\n\t"
      "add r12, r12, r2\n\t"
      "orr r12, r12, #1\n\t"
      "str r12, [sp, #44]\n\t"
      "b 5f\n"
      ".p2align 2\n"
      "1:\n\t"
      TG_STEP("0", "4", "0", "4", "8", "12", "8", "16", "20")
      TG_STEP("8", "12", "16", "20", "24", "28", "16", "32", "36")
      TG_STEP("16", "20", "32", "36", "40", "44", "24", "48", "52")
      TG_STEP("24", "28", "48", "52", "56", "60", "32", "64", "68")
      TG_STEP("32", "36", "64", "68", "72", "76", "40", "80", "84")
      TG_STEP("40", "44", "80", "84", "88", "92", "48", "96", "100")
      TG_STEP("48", "52", "96", "100", "104", "108", "56", "112", "116")
      "ldr r5, [sp]\n\t"
      "adds r0, r0, #112\n\t"
      "adds r1, r1, #56\n\t"
      "cmp r0, r5\n\t"
      "bne 1b\n\t"
      "ldr r0, [sp, #48]\n\t"
      TG_CONSTANTS
      "ldr r6, [sp, #12]\n\t"
      "ldr r7, [sp, #16]\n\t"
      "cmp r0, #0\n\t"
      "bne 2f\n\t"
      TG_SCALE_ALL
      "ldr r4, [sp, #20]\n\t"
      "ldr r5, [sp, #24]\n\t"
      "ldr r6, [sp, #28]\n\t"
      "ldr r0, [sp, #32]\n\t"
      TG_ALL(TG_SATURATE)
      "add r6, r6, r7\n\t"
      "add r5, r5, r7\n\t"
      "add r4, r4, r7\n\t"
      "strb r9, [r6]\n\t"
      "strb lr, [r6, #1]\n\t"
      "strb r8, [r5]\n\t"
      "strb r12, [r5, #1]\n\t"
      "strb r3, [r4]\n\t"
      "strb r11, [r4, #1]\n"
      "3:\n\t"
      "strb r2, [r7]\n\t"
      "strb r10, [r7, #1]\n\t"
      "adds r7, r7, #2\n\t"
      "cmp r7, r0\n\t"
      "str r7, [sp, #16]\n\t"
      "beq 4f\n"
      "5:\n\t"
      "ldr r2, [r1]\n\t"
      "ldr r10, [r1, #4]\n\t"
      "ldr r0, [sp, #36]\n\t"
      "ldr r4, [sp, #40]\n\t"
      "ldr r5, [sp, #44]\n\t"
      "mov r3, r2\n\t"
      "mov r8, r2\n\t"
      "mov r9, r2\n\t"
      "mov r11, r10\n\t"
      "mov r12, r10\n\t"
      "sub r1, r1, r4\n\t"
      TG_AHEAD
      "mov lr, r10\n\t"
      "bx r5\n"
      "2:\n\t"
      TG_LARGER("r2", "r3") TG_LARGER("r10", "r11") TG_LARGER("r8", "r9") TG_LARGER("r12", "lr")
      TG_LARGER("r2", "r8") TG_LARGER("r10", "r12")
      TG_SCALE_TWO
      TG_SATURATE("r2") TG_SATURATE("r10")
      "ldr r0, [sp, #32]\n\t"
      "b 3b\n"
      "4:\n\t"
      "add sp, sp, #52\n\t"
      "pop {r7}\n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_OUTPUT(sum, i) \
  (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH((int32_t)(sum), filter + (i)*TG_EPILOGUE_GLOW_WORDS, offset))
#define TG_CONSTANTS_OF(tile) const int32_t offset = (tile)->offset;
#else
#define TG_OUTPUT(sum, i) (int8_t)tg_saturate_s8(tg_high_plus((int32_t)(sum) >> pre, scale, offset))
#define TG_CONSTANTS_OF(tile) const int32_t pre = (tile)->pre, scale = (tile)->scale, offset = (tile)->offset;
#endif

/* All channels of pixels first and first + 2, the latter's at ``second`` from the former's. One that does not count is
 * written first, and then over. */
static TG_APART void tg_conv2d_small_dsp_s8_two(const tg_conv2d_small_dsp_s8_tile *tile, int32_t first, int8_t *output,
                                                int32_t second) {
  const int32_t words = (int32_t)(tile->end - tile->columns) / 4;
  const tg_u32 *filter = (const tg_u32 *)tile->filter;
  TG_CONSTANTS_OF(tile)
  TG_COMPACT
  for (int32_t rest = (int32_t)(tile->output_end - tile->output); rest > 0; rest -= 2) {
    const tg_dsp_windows_sums s = tg_dsp_windows_of_two(tile->columns + first, words, filter);
    filter += 2 + 2 * words;
    output[second + 1] = TG_OUTPUT(s.second1, 1);
    output[second] = TG_OUTPUT(s.first1, 0);
    output[1] = TG_OUTPUT(s.second0, 1);
    output[0] = TG_OUTPUT(s.first0, 0);
    output += 2;
    filter += TG_PAIR_SCALES;
  }
}

/* All channels of the maximum of four pixels. */
static TG_APART void tg_conv2d_small_dsp_s8_largest(const tg_conv2d_small_dsp_s8_tile *tile) {
  const int32_t words = (int32_t)(tile->end - tile->columns) / 4;
  const tg_u32 *filter = (const tg_u32 *)tile->filter;
  TG_CONSTANTS_OF(tile)
  TG_COMPACT
  for (int8_t *output = tile->output; output < tile->output_end; output += 2) {
    int32_t largest[2];
    tg_dsp_windows_largest(tile->columns, words, filter, largest);
    filter += 2 + 2 * words;
    output[1] = TG_OUTPUT(largest[1], 1);
    *output = TG_OUTPUT(largest[0], 0);
    filter += TG_PAIR_SCALES;
  }
}

/* All channels of the tile. */
static void tg_conv2d_small_dsp_s8_compute(const tg_conv2d_small_dsp_s8_tile *tile) {
  if (tile->pool) {
    tg_conv2d_small_dsp_s8_largest(tile);
  } else {
    tg_conv2d_small_dsp_s8_two(tile, 1, tile->output + tile->places[0],
                               tile->places[2] == tile->places[1] ? 0 : tile->places[2] - tile->places[0]);
    tg_conv2d_small_dsp_s8_two(tile, 0, tile->output, tile->places[1] == tile->places[0] ? 0 : tile->places[1]);
  }
}

#endif

typedef struct {
  tg_dsp_windows windows;
  tg_dsp_strip strip;
  tg_conv2d_small_dsp_s8_tile tile;
} tg_conv2d_small_dsp_s8_work;

/* Places of count pixels that lie side by side. */
static TG_SMALL TG_APART void tg_conv2d_small_dsp_s8_places(tg_conv2d_small_dsp_s8_tile *tile, int32_t count,
                                                            int32_t out_c) {
  TG_COMPACT
  for (int32_t i = 0; i < 3; i++) {
    tile->places[i] = tg_min(i + 1, count - 1) * out_c;
  }
}

TG_SMALL
void tg_conv2d_small_dsp_s8(const tg_conv2d_small_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                            int8_t *output, tg_i32 *scratch) {
  const int32_t width = p->kernel_w * p->in_c;
  const int32_t words = TG_DSP_WINDOW_WORDS(p->kernel_h, width);
  const int32_t skip = TG_STEPS - 1 - (words - 1) % TG_STEPS;
  const int32_t most = p->pool ? 1 : 4;
  const int32_t out_c = p->out_c;
  const int32_t row = p->in_w * p->in_c;
  const int32_t next = (p->pool ? 2 : 4) * p->stride_w * p->in_c;
  tg_u32 *columns = (tg_u32 *)scratch;
  tg_conv2d_small_dsp_s8_work w;
  w.windows.right = p->stride_w * p->in_c;
  w.windows.down = 2 * w.windows.right;
  w.windows.columns = columns;
  w.windows.rows = p->kernel_h;
  w.windows.groups = TG_DSP_WINDOW_GROUPS(width);
  w.windows.end = TG_DSP_WINDOW_END(width);
  w.strip.in_h = p->in_h;
  w.strip.row = row;
  w.strip.height = p->kernel_h + (p->pool ? p->stride_h : 0);
  w.strip.width = 4 * w.windows.groups + w.windows.end + (p->pool ? 1 : 3) * w.windows.right;
  w.strip.outside = 0x1010101u * (uint8_t)p->in_offset;
  w.strip.bytes = (int8_t *)(columns + 4 * words);
  w.tile.columns = columns;
  w.tile.end = columns + 4 * words;
  w.tile.skip = 8 * skip;
  w.tile.entry = TG_STEP_BYTES * skip;
  w.tile.pool = p->pool;
  w.tile.filter = filter;
#if TG_PER_CHANNEL
  w.tile.pre = 0;
  w.tile.scale = 0;
  w.tile.offset = TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset);
#else
  w.tile.pre = p->out.pre;
  w.tile.scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  w.tile.offset = p->out.offset;
#endif
  int8_t *const begin = output;
#if !TG_PER_CHANNEL
  int32_t i;
#endif
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    for (int32_t y = p->out_h; y > 0; y--) {
      int32_t left = -p->pad_left * p->in_c;
      tg_conv2d_small_dsp_s8_places(&w.tile, 4, out_c);
      for (int32_t rest = p->out_w; rest > 0; rest -= most) {
        const int8_t *at;
        if (top < 0 || left < 0 || top + w.strip.height > w.strip.in_h || left + w.strip.width > row) {
          at = tg_dsp_strip_copy(&w.strip, input, top, left);
          w.windows.step = w.strip.width;
        } else {
          at = input + (top * row + left);
          w.windows.step = row;
        }
        if (most == 1) {
          w.windows.down = p->stride_h * w.windows.step;
        }
        tg_dsp_windows_lay_out(&w.windows, at);
        if (rest < most) {
          tg_conv2d_small_dsp_s8_places(&w.tile, rest, out_c);
        }
        w.tile.output = output;
        w.tile.output_end = output + out_c;
        tg_conv2d_small_dsp_s8_compute(&w.tile);
        output += tg_min(rest, most) * out_c;
        left += next;
      }
      top += (p->pool ? 2 : 1) * p->stride_h;
    }
    input += p->in_h * row;
  }
#if TG_PER_CHANNEL
  tg_dsp_clamp(begin, (int32_t)(output - begin), p->act_min, p->act_max);
#else
  TG_CLAMP_SELDOM(begin, i, (int32_t)(output - begin), p->act_min, p->act_max)
#endif
}

#undef TG_PER_CHANNEL
#undef TG_PAIR_SCALES
#undef TG_STEPS
#undef TG_STEP_BYTES
#undef TG_DOT
#undef TG_LOAD
#undef TG_AHEAD
#undef TG_FIRST_TURN
#undef TG_STEP
#undef TG_LARGER
#undef TG_ALL
#undef TG_SHIFT_BY
#undef TG_SCALE_BY
#undef TG_CONSTANTS
#undef TG_PLUS
#undef TG_PRODUCT
#undef TG_PRODUCTS
#undef TG_SHIFT
#undef TG_SCALE
#undef TG_MULTIPLIERS
#undef TG_SCALE_TWO
#undef TG_SCALE_ALL
#undef TG_SATURATE
#undef TG_OUTPUT
#undef TG_CONSTANTS_OF
