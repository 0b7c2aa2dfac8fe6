/* Depthwise convolution by windows of 3x3, stride 1, for cores that multiply halfwords: four channels at once, and of
 * each a block of 2x2 outputs at a time. At least two rows of outputs, as many channels of them as of the input, a
 * multiple of four; no dilation.
 *
 * A column of words is two columns of pixels with what lies above and below, as halfwords: four words a row, one for each
 * channel. Two neighbouring columns make two columns of outputs. They lie in a strip of scratch, row by row, each row the
 * left one and then the right one; for the next two columns of outputs the strip begins one column of words further, and
 * what was right is left: the new right column takes the places that are free by then. Thus each input is read once, two
 * columns before outputs are written there: the output may take the input's place if it has its shape.
 *
 * Strips of a part of the rows at a time take less memory: the band's. Two rows that the next band needs are kept before
 * outputs take their place. Bands have an even number of rows: the last one begins a row earlier if need be. Only where
 * the output has the input's shape and there is a pixel of padding on each side.
 *
 * Of a row's words (x0, x1) and (x2, x3) the left output takes x0, x1, x2, the right one x1, x2, x3, by weights (w0, w1) and
 * (w1, w2). The input's offset, which padding holds, is folded into the bias. The compiler proves that no requantization
 * wraps, and has no shift before the multiplication: it is the upper half of a product.
 *
 * Filter, of every channel: each row's three bytes and one that does not matter, and the bias.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), a word after its bias, which may have a shift
 * before the multiplication. */
#include "tg_dsp.h"
#include "tg_dsp_block.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_FILTER_WORDS (4 + TG_EPILOGUE_GLOW_WORDS)
#else
#define TG_FILTER_WORDS 4
#endif

/* Four channels of two columns of outputs; the code below knows the order. */
typedef struct {
  int32_t scale; /* multiplier / 2**post, times 2**32; with TG_PER_CHANNEL not used */
  int32_t offset;
  int32_t right; /* from a left output to the right one; 0 if there is none */
  int32_t down;  /* from one row of outputs to the next */
  uint32_t minus_offset; /* the filter's, in both halfwords */
} tg_depthwise_3x3_block_dsp_s8_work;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* With TG_PER_CHANNEL: shifts sums by a channel's scale in r12, and leaves the multiplier. */
#if !TG_PER_CHANNEL
#define TG_DEPTHWISE_BLOCK_SHIFT
#define TG_DEPTHWISE_BLOCK_FILTER "ldm r12!, {r2, r3, r4, r8}\n\t"
#elif TG_EPILOGUE_GLOW_FUSED
#define TG_DEPTHWISE_BLOCK_SHIFT \
  "asr r11, r11, r12\n\t"        \
  "asr r10, r10, r12\n\t"        \
  "asr r8, r8, r12\n\t"          \
  "asr r9, r9, r12\n\t"          \
  "bic r12, r12, #255\n\t"
#define TG_DEPTHWISE_BLOCK_FILTER       \
  "ldm r12!, {r2, r3, r4, r8, r10}\n\t" \
  "str r10, [sp, #8]\n\t"
#elif !TG_EPILOGUE_GLOW_SHIFTED
/* The words of tg_epilogue_last.h, of which the second says nothing. */
#define TG_DEPTHWISE_BLOCK_FILTER            \
  "ldm r12!, {r2, r3, r4, r8, r10, r11}\n\t" \
  "str r10, [sp, #8]\n\t"
#else
/* The words of tg_epilogue_last.h: on the stack, 48 what is added to products, 52 the shift after it. */
#define TG_DEPTHWISE_BLOCK_FILTER            \
  "ldm r12!, {r2, r3, r4, r8, r10, r11}\n\t" \
  "str r10, [sp, #8]\n\t"                    \
  "ldr r10, [sp, #12]\n\t"                   \
  TG_EPILOGUE_GLOW_SPARING_BIAS("r8")        \
  "str r11, [sp, #52]\n\t"                   \
  "lsl r10, r10, r11\n\t"                    \
  "str r10, [sp, #48]\n\t"
#endif

/* Whether a block is the last, found out while its sums are added up. */
#if TG_EPILOGUE_GLOW_FUSED || TG_EPILOGUE_GLOW_SHIFTED
#define TG_BLOCK_LOAD_LAST "ldr r9, [sp, #4]\n\t"
#define TG_BLOCK_COMPARE_LAST "cmp r0, r9\n\t"
#define TG_BLOCK_BEFORE_LAST "sub r7, r7, #64\n\t"
#else
#define TG_BLOCK_LOAD_LAST
#define TG_BLOCK_COMPARE_LAST
#define TG_BLOCK_BEFORE_LAST
#endif

/* Sums, the multiplier being in r12, to outputs. */
#if !TG_EPILOGUE_GLOW_FUSED && !TG_EPILOGUE_GLOW_SHIFTED
/* The pointers lie on the stack meanwhile, and where the blocks end instead of where the last one begins. */
#define TG_DEPTHWISE_BLOCK_WEIGHTS(first, last) TG_BLOCK_WEIGHTS(first, last)
#define TG_BLOCK_ROOM "sub sp, sp, #8\n\t"
#define TG_BLOCK_ROOM_BACK "add sp, sp, #8\n\t"
#define TG_BLOCK_END                                                  \
  "ldr lr, [sp, #12]\n\t"                                             \
  "str r0, [sp, #48]\n\t"                                             \
  "str r1, [sp, #52]\n\t"                                             \
  TG_EPILOGUE_GLOW_TWO("r11", "r0", "r10", "r1", "r12", "lr")         \
  TG_EPILOGUE_GLOW_TWO("r9", "r0", "r8", "r1", "r12", "lr")           \
  "ldr r0, [sp, #48]\n\t"                                             \
  "ldr r1, [sp, #52]\n\t"                                             \
  "ldr lr, [sp, #16]\n\t"                                             \
  "ldr r12, [sp, #20]\n\t"                                            \
  "strb r9, [r1, lr]\n\t"                                             \
  "ldr r9, [sp, #4]\n\t"                                              \
  "strb r8, [r1]\n\t"                                                 \
  "add r1, r1, r12\n\t"                                               \
  "cmp r0, r9\n\t"                                                    \
  "strb r11, [r1, lr]\n\t"                                            \
  "strb r10, [r1]\n\t"                                                \
  "add r1, r1, r12\n\t"
#elif !TG_EPILOGUE_GLOW_FUSED
#define TG_DEPTHWISE_BLOCK_WEIGHTS(first, last) \
  TG_BLOCK_WEIGHTS(first, last) TG_EPILOGUE_GLOW_SPARING_WEIGHTS(first) TG_EPILOGUE_GLOW_SPARING_WEIGHTS(last)
#define TG_BLOCK_ROOM "sub sp, sp, #8\n\t"
#define TG_BLOCK_ROOM_BACK "add sp, sp, #8\n\t"
#define TG_BLOCK_PRODUCT(x) TG_EPILOGUE_GLOW_SPARING_PRODUCT(x, "lr", "r12")
#define TG_BLOCK_PLUS(x) TG_EPILOGUE_GLOW_SPARING_PLUS(x, "lr")
#define TG_BLOCK_LAST(x) "asr " x ", " x ", lr\n\t"
#define TG_BLOCK_ALL(what) what("r11") what("r10") what("r9") what("r8")
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #48]\n\t"                   \
  TG_BLOCK_ALL(TG_BLOCK_PRODUCT)            \
  TG_EPILOGUE_GLOW_SPARING_AGAIN("ldr lr, [sp, #48]\n\t") \
  TG_BLOCK_ALL(TG_BLOCK_PLUS)               \
  "ldr lr, [sp, #52]\n\t"                   \
  "ldr r12, [sp, #20]\n\t"                  \
  TG_BLOCK_ALL(TG_BLOCK_LAST)               \
  "ldr lr, [sp, #16]\n\t"                   \
  TG_EPILOGUE_GLOW_SATURATE("r9")           \
  TG_EPILOGUE_GLOW_SATURATE("r8")           \
  "strb r9, [r1, lr]\n\t"                   \
  TG_EPILOGUE_GLOW_SATURATE("r11")          \
  "strb r8, [r1]\n\t"                       \
  "add r1, r1, r12\n\t"                     \
  TG_EPILOGUE_GLOW_SATURATE("r10")          \
  "strb r11, [r1, lr]\n\t"                  \
  "strb r10, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"
#elif TG_DUAL_ISSUE
#define TG_DEPTHWISE_BLOCK_WEIGHTS(first, last) TG_BLOCK_WEIGHTS(first, last)
#define TG_BLOCK_ROOM
#define TG_BLOCK_ROOM_BACK
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #12]\n\t"                  \
  TG_DEPTHWISE_BLOCK_SHIFT                 \
  "smmlar r11, r11, r12, lr\n\t"           \
  "smmlar r10, r10, r12, lr\n\t"           \
  "smmlar r8, r8, r12, lr\n\t"             \
  "ssat r11, #8, r11\n\t"                  \
  "smmlar r9, r9, r12, lr\n\t"             \
  "ssat r10, #8, r10\n\t"                  \
  "ldr lr, [sp, #16]\n\t"                  \
  "ldr r12, [sp, #20]\n\t"                 \
  "ssat r9, #8, r9\n\t"                    \
  "ssat r8, #8, r8\n\t"                    \
  "strb r9, [r1, lr]\n\t"                  \
  "strb r8, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"                    \
  "strb r11, [r1, lr]\n\t"                 \
  "strb r10, [r1]\n\t"                     \
  "add r1, r1, r12\n\t"
#else
#define TG_DEPTHWISE_BLOCK_WEIGHTS(first, last) TG_BLOCK_WEIGHTS(first, last)
#define TG_BLOCK_ROOM
#define TG_BLOCK_ROOM_BACK
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #12]\n\t"                  \
  TG_DEPTHWISE_BLOCK_SHIFT                 \
  "smmlar r9, r9, r12, lr\n\t"             \
  "smmlar r8, r8, r12, lr\n\t"             \
  "smmlar r11, r11, r12, lr\n\t"           \
  "smmlar r10, r10, r12, lr\n\t"           \
  "ssat r9, #8, r9\n\t"                    \
  "ssat r8, #8, r8\n\t"                    \
  "ssat r11, #8, r11\n\t"                  \
  "ldr lr, [sp, #16]\n\t"                  \
  "ldr r12, [sp, #20]\n\t"                 \
  "strb r9, [r1, lr]\n\t"                  \
  "strb r8, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"                    \
  "ssat r10, #8, r10\n\t"                  \
  "strb r11, [r1, lr]\n\t"                 \
  "strb r10, [r1]\n\t"                     \
  "add r1, r1, r12\n\t"
#endif

/* count blocks, one below the other, of each of four channels. */
static TG_APART void tg_depthwise_3x3_block_dsp_s8_blocks(const tg_depthwise_3x3_block_dsp_s8_work *w,
                                                          const tg_u32 *strip, const tg_i32 *filter, int8_t *output,
                                                          int32_t count) {
  register const tg_depthwise_3x3_block_dsp_s8_work *r0 __asm__("r0") = w;
  register const tg_u32 *r1 __asm__("r1") = strip;
  register const tg_i32 *r2 __asm__("r2") = filter;
  register int8_t *r3 __asm__("r3") = output;
  register int32_t r4 __asm__("r4") = count;
  /* On the stack: 0 bias, 4 where the last block begins, 8 scale, 12 offset, 16 right, 20 down, 24 strip, 28 filter,
   * 32 output, 36 minus the filter's offset, 44 channels left. */
  __asm__ volatile(
      ".syntax unified\n\t"
      "ldm r0, {r8, r9, r10, r11, r12}\n\t"
      "mov lr, #4\n\t"
      TG_BLOCK_ROOM
      "push {r7, lr}\n\t"
      "push {r1, r2, r3, r12}\n\t"
      "add r7, r1, r4, lsl #6\n\t"
      TG_BLOCK_BEFORE_LAST
      "push {r6, r7, r8, r9, r10, r11}\n"
      "1:\n\t"
      "ldr r12, [sp, #28]\n\t"
      "ldr r0, [sp, #24]\n\t"
      "ldr r1, [sp, #32]\n\t"
      "ldr r9, [sp, #36]\n\t"
      "ldr lr, [sp, #16]\n\t"
      TG_DEPTHWISE_BLOCK_FILTER
      "str r12, [sp, #28]\n\t"
      "str r8, [sp]\n\t"
      "cmp lr, #0\n\t"
      TG_DEPTHWISE_BLOCK_WEIGHTS("r2", "r5")
      TG_DEPTHWISE_BLOCK_WEIGHTS("r3", "r6")
      TG_DEPTHWISE_BLOCK_WEIGHTS("r4", "r7")
      "beq 3f\n\t"
      ".p2align 2\n"
      "2:\n\t"
      TG_BLOCK_2X2
      "bne 2b\n"
      "4:\n\t"
      "ldr r1, [sp, #32]\n\t"
      "ldr r12, [sp, #24]\n\t"
      "ldr lr, [sp, #4]\n\t"
      "ldr r2, [sp, #44]\n\t"
      "add r1, r1, #1\n\t"
      "add r12, r12, #4\n\t"
      "add lr, lr, #4\n\t"
      "subs r2, r2, #1\n\t"
      "str r1, [sp, #32]\n\t"
      "str r12, [sp, #24]\n\t"
      "str lr, [sp, #4]\n\t"
      "str r2, [sp, #44]\n\t"
      "bne 1b\n\t"
      "b 5f\n\t"
      ".p2align 2\n"
      "3:\n\t"
      TG_BLOCK_2X1
      "bne 3b\n\t"
      "b 4b\n"
      "5:\n\t"
      "add sp, sp, #40\n\t"
      "pop {r7, lr}\n\t"
      TG_BLOCK_ROOM_BACK
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_BLOCK_OUTPUT(sum) (int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH((int32_t)(sum), filter + 4, offset))
#else
#define TG_BLOCK_OUTPUT(sum) (int8_t)tg_saturate_s8(tg_high_plus((int32_t)(sum), scale, offset))
#endif

/* One channel of two columns, block by block: each pair of words adds to the sums of one or two rows of outputs. */
static TG_APART void tg_depthwise_3x3_block_dsp_s8_channel(const tg_depthwise_3x3_block_dsp_s8_work *w, const tg_u32 *x,
                                                           const tg_i32 *filter, int8_t *output, int32_t count) {
  const tg_dsp_block_weights weights = tg_dsp_block_weights_of((const tg_u32 *)filter, w->minus_offset);
  const int32_t down = w->down;
  TG_COMPACT
  for (; count > 0; count--) {
    const tg_dsp_block_sums sums = tg_dsp_block_of(&weights, x, (uint32_t)filter[3]);
#if !TG_PER_CHANNEL
    const int32_t scale = w->scale;
#endif
    const int32_t offset = w->offset;
    const int32_t right = w->right;
    output[right] = TG_BLOCK_OUTPUT(sums.upper_right);
    *output = TG_BLOCK_OUTPUT(sums.upper_left);
    output += down;
    output[right] = TG_BLOCK_OUTPUT(sums.lower_right);
    *output = TG_BLOCK_OUTPUT(sums.lower_left);
    output += down;
    x += 16;
  }
}

static void tg_depthwise_3x3_block_dsp_s8_blocks(const tg_depthwise_3x3_block_dsp_s8_work *w, const tg_u32 *strip,
                                                 const tg_i32 *filter, int8_t *output, int32_t count) {
  TG_COMPACT
  for (int32_t channel = 0; channel < 4; channel++) {
    tg_depthwise_3x3_block_dsp_s8_channel(w, strip + channel, filter, output + channel, count);
    filter += TG_FILTER_WORDS;
  }
}

#endif

/* A band of rows of four channels; output: the band's first. */
static TG_APART void tg_depthwise_3x3_block_dsp_s8_band(tg_depthwise_3x3_block_dsp_s8_work *w,
                                                        const tg_dsp_block_band *band, int32_t left, int32_t out_w,
                                                        const tg_i32 *filter, int8_t *output, tg_u32 *strip) {
  const int32_t rows = band->rows;
  tg_u32 *column = strip;
  /* A column of words, and the outputs between it and the one before, if there is one. */
  for (int32_t x = -2; x < out_w; x += 2) {
    tg_dsp_block_lay_out(band, left + x + 2, column);
    column += 4;
    if (x >= 0) {
      int8_t *to = output + x * band->in_c;
      w->right = x + 1 < out_w ? band->in_c : 0;
      tg_depthwise_3x3_block_dsp_s8_blocks(w, strip, filter, to, rows >> 1);
      if (rows & 1) {
        /* The last two rows, of which the first is there already. */
        tg_depthwise_3x3_block_dsp_s8_blocks(w, strip + 8 * (rows - 2), filter, to + (rows - 2) * w->down, 1);
      }
      strip += 4;
    }
  }
}

TG_SMALL
void tg_depthwise_3x3_block_dsp_s8(const tg_depthwise_3x3_block_dsp_s8_params *p, const int8_t *input,
                                   const tg_i32 *filter, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t outputs = p->out_h * p->out_w * channels;
#if TG_PER_CHANNEL
  tg_depthwise_3x3_block_dsp_s8_work w = {0,
                                          TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset),
                                          0,
                                          p->out_w * channels,
                                          tg_pack_halfwords(-p->filter_offset, -p->filter_offset)};
#else
  tg_depthwise_3x3_block_dsp_s8_work w = {(int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post)),
            p->out.offset,
            0,
            p->out_w * channels,
            tg_pack_halfwords(-p->filter_offset, -p->filter_offset)};
#endif
  tg_u32 *const kept = (tg_u32 *)scratch + TG_DSP_BLOCK_STRIP(p->out_w, p->band);
  tg_dsp_block_band band = {input, p->in_h, p->in_w, channels, p->in_w * channels, p->pad_top,
                            0x1010101u * (uint8_t)p->in_offset, tg_pack_halfwords(p->in_offset, p->in_offset), 0, 0, 0,
                            kept};
  for (int32_t image = 0; image < p->images; image++) {
    TG_COMPACT
    for (int32_t channel = 0; channel < channels; channel += 4) {
      band.image = input + channel;
      do {
        const int32_t y = band.y;
        tg_dsp_block_begin(&band, p->band, p->out_h);
        tg_depthwise_3x3_block_dsp_s8_band(&w, &band, -p->pad_left, p->out_w, filter + TG_FILTER_WORDS * channel,
                                           output + y * w.down + channel, (tg_u32 *)scratch);
        band.y = band.next;
      } while (band.y > 0);
    }
#if TG_PER_CHANNEL
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
#else
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
      TG_COMPACT
      for (int32_t i = outputs - 1; i >= 0; i--) {
        output[i] = tg_clamp_s8(output[i], p->act_min, p->act_max);
      }
    }
#endif
    input += p->in_h * p->in_w * channels;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_FILTER_WORDS
#undef TG_DEPTHWISE_BLOCK_SHIFT
#undef TG_DEPTHWISE_BLOCK_FILTER
#undef TG_DEPTHWISE_BLOCK_WEIGHTS
#undef TG_BLOCK_ROOM
#undef TG_BLOCK_ROOM_BACK
#undef TG_BLOCK_PRODUCT
#undef TG_BLOCK_PLUS
#undef TG_BLOCK_LAST
#undef TG_BLOCK_ALL
#undef TG_BLOCK_END
#undef TG_BLOCK_OUTPUT
#undef TG_BLOCK_LOAD_LAST
#undef TG_BLOCK_COMPARE_LAST
#undef TG_BLOCK_BEFORE_LAST
