/* Convolution by 1x1 of 4 to 8 channels for cores that multiply halfwords: a pixel stays in registers, as halfwords, while
 * all channels of the output are computed, four in a turn. Stride 1, no padding; output channels: a multiple of four.
 *
 * A pixel is read as its first and its last four bytes. Filter, of every output channel: its bias, which the input's offset
 * is folded into; the weights of bytes {0, 2} and {1, 3} of the one word and of the other. A byte that is in both has no
 * weight in the second. The compiler proves that no requantization wraps, and has no shift before the multiplication: it is
 * the upper half of a product.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), a word before its bias, which may have a shift
 * before the multiplication. */
#include "tg_dsp.h"
#include "tg_dsp_pixels.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

/* The code below knows the order. */
typedef struct {
  int32_t scale; /* multiplier / 2**post, times 2**32; with TG_PER_CHANNEL not used */
  int32_t offset;
  int32_t in_c;
  int32_t out_c;
  const int8_t *end; /* of the input */
} tg_pointwise_dsp_s8_work;

#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP

/* Four channels. r0: filters, r1: output, r2 to r5: inputs, r6, r8: scale and offset. The flags say whether they are the
 * pixel's last. */
#if !TG_EPILOGUE_GLOW_FUSED && !TG_EPILOGUE_GLOW_SHIFTED
/* By the words of tg_epilogue_last.h, of which the second says nothing. */
#if TG_DUAL_ISSUE
/* Two channels, 20 cycles. The second one's sum is begun before the first one's is looked at. */
#define TG_TWO_CHANNELS           \
  "ldr r9, [r0, #8]\n\t"          \
  "ldr r10, [r0, #12]\n\t"        \
  "ldr r11, [r0, #16]\n\t"        \
  "ldr r12, [r0, #20]\n\t"        \
  "smlad r9, r2, r10, r9\n\t"     \
  "ldr lr, [r0, #24]\n\t"         \
  "smlad r9, r3, r11, r9\n\t"     \
  "ldr r10, [r0, #40]\n\t"        \
  "smlad r9, r4, r12, r9\n\t"     \
  "ldr r7, [r0, #36]\n\t"         \
  "smlad r9, r5, lr, r9\n\t"      \
  "ldr r11, [r0, #44]\n\t"        \
  "smlad r7, r2, r10, r7\n\t"     \
  "ldr r12, [r0, #48]\n\t"        \
  "smlad r7, r3, r11, r7\n\t"     \
  "ldr r6, [r0]\n\t"              \
  "lsl r10, r9, #5\n\t"           \
  "ldr lr, [r0, #52]\n\t"         \
  "smlad r7, r4, r12, r7\n\t"     \
  "smmlar r10, r10, r6, r8\n\t"   \
  "smlad r7, r5, lr, r7\n\t"      \
  TG_EPILOGUE_GLOW_TEST("r9", "r10", "r6", "") \
  "ldr r6, [r0, #28]\n\t"         \
  "lsl r10, r7, #5\n\t"           \
  "strb r9, [r1], #2\n\t"         \
  "smmlar r10, r10, r6, r8\n\t"   \
  "add r0, r0, #56\n\t"           \
  TG_EPILOGUE_GLOW_TEST("r7", "r10", "r6", "") \
  "strb r7, [r1, #-1]\n\t"
#else
#define TG_CHANNEL                                   \
  "ldm r0!, {r6, r7, r9, r10, r11, r12, lr}\n\t"     \
  "smlad r9, r2, r10, r9\n\t"                        \
  "smlad r9, r3, r11, r9\n\t"                        \
  "smlad r9, r4, r12, r9\n\t"                        \
  "smlad r9, r5, lr, r9\n\t"                         \
  TG_EPILOGUE_GLOW_PRODUCT("r9", "r11", "r6", "r8")  \
  "strb r9, [r1], #1\n\t"
#define TG_TWO_CHANNELS TG_CHANNEL TG_CHANNEL
#endif
#define TG_FOUR_CHANNELS TG_TWO_CHANNELS TG_TWO_CHANNELS "ldr r9, [sp, #20]\n\t" "cmp r1, r9\n\t"
#elif !TG_EPILOGUE_GLOW_FUSED && TG_DUAL_ISSUE
/* By the words of tg_epilogue_last.h. Two channels, the first one's bias and two words of weights being in r9 to r11; what
 * the next two begin with is loaded while the last product is under way. 19 cycles. */
#define TG_TWO_CHANNELS(next1, next2, next3)   \
  "ldr r12, [r0, #20]\n\t"                     \
  "smlad r9, r2, r10, r9\n\t"                  \
  "ldr lr, [r0, #24]\n\t"                      \
  "smlad r9, r3, r11, r9\n\t"                  \
  "ldr r10, [r0, #40]\n\t"                     \
  "smlad r9, r4, r12, r9\n\t"                  \
  "ldr r7, [r0, #36]\n\t"                      \
  "smlad r9, r5, lr, r9\n\t"                   \
  "ldr r11, [r0, #44]\n\t"                     \
  "smlad r7, r2, r10, r7\n\t"                  \
  "ldr r12, [r0, #48]\n\t"                     \
  "smlad r7, r3, r11, r7\n\t"                  \
  "ldr r10, [r0, #4]\n\t"                      \
  "ldr lr, [r0, #52]\n\t"                      \
  "smlad r7, r4, r12, r7\n\t"                  \
  "ldr r6, [r0]\n\t"                           \
  "lsl r11, r8, r10\n\t"                       \
  "smlad r7, r5, lr, r7\n\t"                   \
  TG_EPILOGUE_GLOW_PRODUCT("r9", "lr", "r6", "r11") \
  "ldr r6, [r0, #28]\n\t"                      \
  "ldr r12, [r0, #32]\n\t"                     \
  "add r0, r0, #56\n\t"                        \
  "asr r9, r9, r10\n\t"                        \
  "lsl r11, r8, r12\n\t"                       \
  TG_EPILOGUE_GLOW_SATURATE("r9")              \
  TG_EPILOGUE_GLOW_PRODUCT("r7", "lr", "r6", "r11") \
  "strb r9, [r1], #2\n\t" next1 next2          \
  "asr r7, r7, r12\n\t" next3                  \
  TG_EPILOGUE_GLOW_SATURATE("r7")              \
  "strb r7, [r1, #-1]\n\t"
#define TG_FOUR_CHANNELS                       \
  "ldr r9, [r0, #8]\n\t"                       \
  "ldr r10, [r0, #12]\n\t"                     \
  "ldr r11, [r0, #16]\n\t"                     \
  TG_TWO_CHANNELS("ldr r9, [r0, #8]\n\t", "ldr r10, [r0, #12]\n\t", "ldr r11, [r0, #16]\n\t") \
  TG_TWO_CHANNELS("ldr r9, [sp, #20]\n\t", "", "cmp r1, r9\n\t")
#elif !TG_EPILOGUE_GLOW_FUSED
/* By the words of tg_epilogue_last.h. */
#define TG_CHANNEL                                \
  "ldm r0!, {r6, r7, r9, r10, r11, r12, lr}\n\t"  \
  "smlad r9, r2, r10, r9\n\t"                     \
  "lsl r10, r8, r7\n\t"                           \
  "smlad r9, r3, r11, r9\n\t"                     \
  "smlad r9, r4, r12, r9\n\t"                     \
  "smlad r9, r5, lr, r9\n\t"                      \
  TG_EPILOGUE_GLOW_PRODUCT("r9", "r11", "r6", "r10")   \
  "asr r9, r9, r7\n\t"                            \
  TG_EPILOGUE_GLOW_SATURATE("r9")                      \
  "strb r9, [r1], #1\n\t"
#define TG_FOUR_CHANNELS \
  TG_CHANNEL TG_CHANNEL TG_CHANNEL TG_CHANNEL "ldr r9, [sp, #20]\n\t" "cmp r1, r9\n\t"
#elif TG_DUAL_ISSUE && TG_PER_CHANNEL
#define TG_FOUR_CHANNELS           \
  "ldr r6, [r0]\n\t"               \
  "ldr r9, [r0, #4]\n\t"           \
  "ldr r10, [r0, #8]\n\t"          \
  "ldr r11, [r0, #12]\n\t"         \
  "ldr r12, [r0, #16]\n\t"         \
  "ldr lr, [r0, #20]\n\t"          \
  "smlad r9, r2, r10, r9\n\t"      \
  "ldr r10, [r0, #32]\n\t"         \
  "smlad r9, r3, r11, r9\n\t"      \
  "ldr r11, [r0, #36]\n\t"         \
  "smlad r9, r4, r12, r9\n\t"      \
  "ldr r7, [r0, #28]\n\t"          \
  "smlad r9, r5, lr, r9\n\t"       \
  "ldr r12, [r0, #40]\n\t"         \
  "smlad r7, r2, r10, r7\n\t"      \
  "ldr lr, [r0, #44]\n\t"          \
  "smlad r7, r3, r11, r7\n\t"      \
  "asr r9, r9, r6\n\t"             \
  "bic r6, r6, #255\n\t"           \
  "ldr r10, [r0, #56]\n\t"         \
  "smlad r7, r4, r12, r7\n\t"      \
  "ldr r11, [r0, #60]\n\t"         \
  "smmlar r9, r9, r6, r8\n\t"      \
  "ldr r6, [r0, #24]\n\t"          \
  "smlad r7, r5, lr, r7\n\t"       \
  "ldr r12, [r0, #64]\n\t"         \
  "ssat r9, #8, r9\n\t"            \
  "strb r9, [r1]\n\t"              \
  "ldr r9, [r0, #52]\n\t"          \
  "ldr lr, [r0, #68]\n\t"          \
  "asr r7, r7, r6\n\t"             \
  "bic r6, r6, #255\n\t"           \
  "smlad r9, r2, r10, r9\n\t"      \
  "ldr r10, [r0, #80]\n\t"         \
  "smlad r9, r3, r11, r9\n\t"      \
  "ldr r11, [r0, #84]\n\t"         \
  "smmlar r7, r7, r6, r8\n\t"      \
  "ldr r6, [r0, #48]\n\t"          \
  "smlad r9, r4, r12, r9\n\t"      \
  "ldr r12, [r0, #88]\n\t"         \
  "smlad r9, r5, lr, r9\n\t"       \
  "ssat r7, #8, r7\n\t"            \
  "strb r7, [r1, #1]\n\t"          \
  "ldr r7, [r0, #76]\n\t"          \
  "ldr lr, [r0, #92]\n\t"          \
  "asr r9, r9, r6\n\t"             \
  "bic r6, r6, #255\n\t"           \
  "smlad r7, r2, r10, r7\n\t"      \
  "ldr r10, [sp, #20]\n\t"         \
  "smlad r7, r3, r11, r7\n\t"      \
  "smmlar r9, r9, r6, r8\n\t"      \
  "ldr r6, [r0, #72]\n\t"          \
  "smlad r7, r4, r12, r7\n\t"      \
  "adds r0, r0, #96\n\t"           \
  "smlad r7, r5, lr, r7\n\t"       \
  "adds r1, r1, #4\n\t"            \
  "ssat r9, #8, r9\n\t"            \
  "strb r9, [r1, #-2]\n\t"         \
  "asr r7, r7, r6\n\t"             \
  "bic r6, r6, #255\n\t"           \
  "cmp r1, r10\n\t"                \
  "smmlar r7, r7, r6, r8\n\t"      \
  "ssat r7, #8, r7\n\t"            \
  "strb r7, [r1, #-1]\n\t"
#elif TG_PER_CHANNEL
/* 16 cycles a channel on the M4. */
#define TG_CHANNEL                             \
  "ldm r0!, {r6, r9, r10, r11, r12, lr}\n\t"   \
  "smlad r9, r2, r10, r9\n\t"                  \
  "smlad r9, r3, r11, r9\n\t"                  \
  "smlad r9, r4, r12, r9\n\t"                  \
  "smlad r9, r5, lr, r9\n\t"                   \
  "asr r9, r9, r6\n\t"                         \
  "bic r6, r6, #255\n\t"                       \
  "smmlar r9, r9, r6, r8\n\t"                  \
  "ssat r9, #8, r9\n\t"                        \
  "strb r9, [r1], #1\n\t"
#define TG_FOUR_CHANNELS TG_CHANNEL TG_CHANNEL TG_CHANNEL TG_CHANNEL "cmp r1, r7\n\t"
#elif TG_DUAL_ISSUE
#define TG_FOUR_CHANNELS           \
  "ldr r9, [r0]\n\t"               \
  "ldr r10, [r0, #4]\n\t"          \
  "ldr r11, [r0, #8]\n\t"          \
  "ldr r12, [r0, #12]\n\t"         \
  "ldr lr, [r0, #16]\n\t"          \
  "smlad r9, r2, r10, r9\n\t"      \
  "ldr r10, [r0, #24]\n\t"         \
  "smlad r9, r3, r11, r9\n\t"      \
  "ldr r11, [r0, #28]\n\t"         \
  "smlad r9, r4, r12, r9\n\t"      \
  "ldr r7, [r0, #20]\n\t"          \
  "smlad r9, r5, lr, r9\n\t"       \
  "ldr r12, [r0, #32]\n\t"         \
  "smlad r7, r2, r10, r7\n\t"      \
  "ldr lr, [r0, #36]\n\t"          \
  "smlad r7, r3, r11, r7\n\t"      \
  "ldr r10, [r0, #44]\n\t"         \
  "smmlar r9, r9, r6, r8\n\t"      \
  "ldr r11, [r0, #48]\n\t"         \
  "smlad r7, r4, r12, r7\n\t"      \
  "ldr r12, [r0, #52]\n\t"         \
  "smlad r7, r5, lr, r7\n\t"       \
  "ssat r9, #8, r9\n\t"            \
  "strb r9, [r1]\n\t"              \
  "ldr r9, [r0, #40]\n\t"          \
  "smlad r9, r2, r10, r9\n\t"      \
  "ldr lr, [r0, #56]\n\t"          \
  "smlad r9, r3, r11, r9\n\t"      \
  "ldr r10, [r0, #64]\n\t"         \
  "smmlar r7, r7, r6, r8\n\t"      \
  "ldr r11, [r0, #68]\n\t"         \
  "smlad r9, r4, r12, r9\n\t"      \
  "ldr r12, [r0, #72]\n\t"         \
  "smlad r9, r5, lr, r9\n\t"       \
  "ssat r7, #8, r7\n\t"            \
  "strb r7, [r1, #1]\n\t"          \
  "ldr r7, [r0, #60]\n\t"          \
  "smlad r7, r2, r10, r7\n\t"      \
  "ldr lr, [r0, #76]\n\t"          \
  "smlad r7, r3, r11, r7\n\t"      \
  "ldr r10, [sp, #20]\n\t"         \
  "smmlar r9, r9, r6, r8\n\t"      \
  "adds r0, r0, #80\n\t"           \
  "smlad r7, r4, r12, r7\n\t"      \
  "adds r1, r1, #4\n\t"            \
  "smlad r7, r5, lr, r7\n\t"       \
  "ssat r9, #8, r9\n\t"            \
  "strb r9, [r1, #-2]\n\t"         \
  "cmp r1, r10\n\t"                \
  "smmlar r7, r7, r6, r8\n\t"      \
  "ssat r7, #8, r7\n\t"            \
  "strb r7, [r1, #-1]\n\t"
#else
/* 13 cycles a channel on the M4. */
#define TG_CHANNEL                         \
  "ldm r0!, {r9, r10, r11, r12, lr}\n\t"   \
  "smlad r9, r2, r10, r9\n\t"              \
  "smlad r9, r3, r11, r9\n\t"              \
  "smlad r9, r4, r12, r9\n\t"              \
  "smlad r9, r5, lr, r9\n\t"               \
  "smmlar r9, r9, r6, r8\n\t"              \
  "ssat r9, #8, r9\n\t"                    \
  "strb r9, [r1], #1\n\t"
#define TG_FOUR_CHANNELS TG_CHANNEL TG_CHANNEL TG_CHANNEL TG_CHANNEL "cmp r1, r7\n\t"
#endif

static void tg_pointwise_dsp_s8_pixels(const tg_pointwise_dsp_s8_work *w, const int8_t *input, const tg_i32 *filter,
                                       int8_t *output) {
  register const int8_t *r0 __asm__("r0") = input;
  register int8_t *r1 __asm__("r1") = output;
  register const tg_i32 *r2 __asm__("r2") = filter;
  register const tg_pointwise_dsp_s8_work *r3 __asm__("r3") = w;
  /* On the stack: 0 input, 4 filter, 8 input channels, 12 output channels, 16 the input's end, 20 the pixel's outputs'. */
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "ldm r3, {r6, r8, r9, r10, r11}\n\t"
      "push {r0, r2, r9, r10, r11, r12}\n"
      "1:\n\t"
      "ldr r0, [sp]\n\t"
      "ldr r9, [sp, #8]\n\t"
      "ldr r12, [sp, #12]\n\t"
      "ldr r3, [r0]\n\t"
      "add r9, r9, r0\n\t"
      "add r7, r1, r12\n\t"
      "ldr r5, [r9, #-4]\n\t"
      "ldr r0, [sp, #4]\n\t"
      "str r9, [sp]\n\t"
      "str r7, [sp, #20]\n\t"
      "sxtb16 r2, r3\n\t"
      "sxtb16 r3, r3, ror #8\n\t"
      "sxtb16 r4, r5\n\t"
      "sxtb16 r5, r5, ror #8\n"
      ".p2align 2\n"
      "2:\n\t"
      TG_FOUR_CHANNELS
      "bne 2b\n\t"
      "ldr r9, [sp]\n\t"
      "ldr r10, [sp, #16]\n\t"
      "cmp r9, r10\n\t"
      "bne 1b\n\t"
      "add sp, sp, #24\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

#if TG_PER_CHANNEL
#define TG_CHANNEL_WORDS (TG_EPILOGUE_GLOW_WORDS + 5)
#define TG_CHANNEL_OUTPUT(sum, words) TG_EPILOGUE_GLOW_HIGH((int32_t)(sum), words, offset)
#else
#define TG_CHANNEL_WORDS 5
#define TG_CHANNEL_OUTPUT(sum, words) tg_high_plus((int32_t)(sum), scale, offset)
#endif

/* All channels of two pixels, two in a turn, so that a word of weights is loaded once for both. x: of the one pixel the bytes
 * {0, 2} and {1, 3} of its two words, then of the other; registers do not hold all of them beside the sums, and each turn
 * loads them anew. The second pixel is written first: if there is none, the first one takes its place. gcc orders loads worse
 * where ``first`` is moved on before ``second``. */
static TG_APART void tg_pointwise_dsp_s8_two(const tg_pointwise_dsp_s8_work *w, const tg_u32 *x, const tg_u32 *filter,
                                             int8_t *first, int8_t *second) {
  TG_COMPACT
  for (int32_t channels = w->out_c; channels > 0; channels -= 2) {
    const tg_u32 *const words = filter + (TG_CHANNEL_WORDS - 5);
    const tg_dsp_pixels_sums s = tg_dsp_pixels_of_two(x, words, words + TG_CHANNEL_WORDS);
#if !TG_PER_CHANNEL
    const int32_t scale = w->scale;
#endif
    const int32_t offset = w->offset;
    second[1] = (int8_t)tg_saturate_s8(TG_CHANNEL_OUTPUT(s.second1, filter + TG_CHANNEL_WORDS));
    second[0] = (int8_t)tg_saturate_s8(TG_CHANNEL_OUTPUT(s.second0, filter));
    first[1] = (int8_t)tg_saturate_s8(TG_CHANNEL_OUTPUT(s.first1, filter + TG_CHANNEL_WORDS));
    first[0] = (int8_t)tg_saturate_s8(TG_CHANNEL_OUTPUT(s.first0, filter));
    second += 2;
    first += 2;
    filter += 2 * TG_CHANNEL_WORDS;
  }
}

static void tg_pointwise_dsp_s8_pixels(const tg_pointwise_dsp_s8_work *w, const int8_t *input, const tg_i32 *filter,
                                       int8_t *output) {
  const int32_t in_c = w->in_c;
  uint32_t x[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  while (input != w->end) {
    int8_t *const second = input + in_c != w->end ? output + w->out_c : output;
    tg_dsp_pixels_put(input, in_c, x);
    input += in_c;
    if (second != output) {
      tg_dsp_pixels_put(input, in_c, x + 4);
      input += in_c;
    }
    tg_pointwise_dsp_s8_two(w, x, (const tg_u32 *)filter, output, second);
    output = second + w->out_c;
  }
}

#endif

TG_SMALL
void tg_pointwise_dsp_s8(const tg_pointwise_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                         int8_t *output) {
#if TG_PER_CHANNEL
  const tg_pointwise_dsp_s8_work w = {
      0, TG_EPILOGUE_GLOW_HIGH_CENTER(p->out_offset), p->in_c, p->out_c, input + p->pixels * p->in_c};
#else
  const int32_t scale = (int32_t)((uint32_t)p->out.multiplier << (32 - p->out.post));
  const tg_pointwise_dsp_s8_work w = {scale, p->out.offset, p->in_c, p->out_c, input + p->pixels * p->in_c};
#endif
  tg_pointwise_dsp_s8_pixels(&w, input, filter, output);
#if TG_PER_CHANNEL
  tg_dsp_clamp(output, p->pixels * p->out_c, p->act_min, p->act_max);
#else
  int32_t i;
  TG_CLAMP_SELDOM(output, i, p->pixels * p->out_c, p->act_min, p->act_max)
#endif
}

#undef TG_PER_CHANNEL
#undef TG_CHANNEL
#undef TG_CHANNEL_WORDS
#undef TG_CHANNEL_OUTPUT
#undef TG_TWO_CHANNELS
#undef TG_FOUR_CHANNELS
