/* 2-D convolution of ARMv6-M's kind: four pixels at once, two products a multiplication (see tg_dual_mac.h); with pool, the
 * maximum of each 2x2 block. No groups, no dilation.
 *
 * The inputs of the four pixels are laid out in scratch; taps outside the image are the input's offset, which stands for
 * 0.0. The offset's part of all products is in the bias, for even and odd pixels of each channel: see tg_dual_mac_tile.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, after its biases (see tg_requantize_by). */
#include "tg_compact.h"
#include "tg_dual_mac.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_PER_CHANNEL 0

#if TG_PER_CHANNEL
#define TG_DUAL_MAC_BIASES (2 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#else
#define TG_DUAL_MAC_BIASES 2
#endif

#if TG_ARMV6M_LOOPS && (TG_EPILOGUE_GLOW_FUSED || TG_EPILOGUE_GLOW_NARROW || TG_EPILOGUE_GLOW_LONG)

/* To r0, in this order; a scale stays in r4. Shifts by a register take its lowest byte. */
#if TG_PER_CHANNEL
#define TG_DUAL_MAC_PRE  \
  "ldr r0, [r7, #4]\n\t" \
  "adds r0, #8\n\t"      \
  "ldmia r0!, {r4}\n\t"  \
  "str r0, [r7, #4]\n\t" \
  "movs r0, r4\n\t"
#define TG_DUAL_MAC_MULTIPLIER "lsrs r0, r4, #16\n\t"
#define TG_DUAL_MAC_ROUND \
  "lsrs r4, r4, #8\n\t"   \
  "ldr r0, [r7, #28]\n\t" \
  "lsls r0, r0, r4\n\t"
#define TG_DUAL_MAC_POST "adds r0, r4, #1\n\t"
#define TG_DUAL_MAC_NEXT_BIAS
#else
#define TG_DUAL_MAC_PRE "ldr r0, [r7, #20]\n\t"
#define TG_DUAL_MAC_MULTIPLIER "ldr r0, [r7, #24]\n\t"
#define TG_DUAL_MAC_ROUND "ldr r0, [r7, #28]\n\t"
#define TG_DUAL_MAC_POST "ldr r0, [r7, #32]\n\t"
#define TG_DUAL_MAC_NEXT_BIAS "str r0, [r7, #4]\n\t"
#endif

#if TG_EPILOGUE_GLOW_NARROW && defined(TG_EPILOGUE_GLOW_NARROW_TIE)
#define TG_DUAL_MAC_KEEP "mov r8, r2\n\t"
#define TG_DUAL_MAC_APART TG_DUAL_MAC_NARROW_APART(TG_EPILOGUE_GLOW_NARROW_TIE, 15)
#else
#define TG_DUAL_MAC_KEEP
#define TG_DUAL_MAC_APART
#endif

/* Sums to what is to be bounded: four in r2, r3, r5 and r6, or one in r2. */
#if TG_EPILOGUE_GLOW_NARROW
#define TG_DUAL_MAC_FOUR \
  TG_DUAL_MAC_NARROW_FOUR(TG_EPILOGUE_GLOW_NARROW_BITS, TG_EPILOGUE_GLOW_NARROW_HALF, TG_DUAL_MAC_KEEP, \
                          TG_EPILOGUE_GLOW_NARROW_TEST)
#define TG_DUAL_MAC_ONE \
  TG_DUAL_MAC_NARROW_ONE(TG_EPILOGUE_GLOW_NARROW_BITS, TG_EPILOGUE_GLOW_NARROW_HALF, TG_DUAL_MAC_KEEP, \
                         TG_EPILOGUE_GLOW_NARROW_TEST)
#elif TG_EPILOGUE_GLOW_LONG
#define TG_DUAL_MAC_FOUR TG_DUAL_MAC_LONG_FOUR(TG_EPILOGUE_GLOW_LONG_LESS)
#define TG_DUAL_MAC_ONE TG_DUAL_MAC_LONG_ONE(TG_EPILOGUE_GLOW_LONG_LESS)
#else
#define TG_DUAL_MAC_EACH(instruction) ".irp sum, r2, r3, r5, r6\n\t" instruction "\n\t.endr\n\t"
#define TG_DUAL_MAC_FOUR \
  TG_DUAL_MAC_PRE TG_DUAL_MAC_EACH("asrs \\sum, \\sum, r0") \
  TG_DUAL_MAC_MULTIPLIER TG_DUAL_MAC_EACH("muls \\sum, r0, \\sum") \
  TG_DUAL_MAC_ROUND TG_DUAL_MAC_EACH("adds \\sum, \\sum, r0") \
  TG_DUAL_MAC_POST TG_DUAL_MAC_EACH("asrs \\sum, \\sum, r0")
#define TG_DUAL_MAC_ONE \
  TG_DUAL_MAC_PRE \
  "asrs r2, r2, r0\n\t" \
  TG_DUAL_MAC_MULTIPLIER \
  "muls r2, r0, r2\n\t" \
  TG_DUAL_MAC_ROUND \
  "adds r2, r2, r0\n\t" \
  TG_DUAL_MAC_POST \
  "asrs r2, r2, r0\n\t"
#endif

/* All channels of a tile; columns: two words a term, {pixel 0, pixel 1} and {pixel 2, pixel 3}.
 *
 * 10 cycles a tap of four products, 15 a chunk, 116 a channel (92 with pool), 4 more with its own scale. Running sums are
 * in r5 and r6, totals in r8 to r11. A running sum starts at 2^15, so that its lower half is never negative and never owes
 * the upper one. */
static inline void tg_conv2d_dual_mac_s8_dual_mac(tg_dual_mac_tile *tile, const uint8_t *stream) {
  register tg_dual_mac_tile *r0 __asm__("r0") = tile;
  register const uint8_t *r1 __asm__("r1") = stream;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r0, r7}\n\t" /* r7 may be the frame pointer */
      "mov r7, r0\n\t"
      "subs r1, r1, #" TG_SUM_TEXT(TG_DUAL_MAC_TAPS) "\n\t"
      "ldr r2, [r7, #16]\n\t"
      "mov r12, r2\n\t"
      "movs r2, #128\n\t"
      "lsls r2, r2, #8\n\t"
      "mov lr, r2\n"
      "1:\n\t" /* a channel */
      "ldr r0, [r7, #4]\n\t"
      "ldmia r0!, {r2, r3}\n\t" TG_DUAL_MAC_NEXT_BIAS
      TG_DUAL_MAC_JOIN("r2", "r3")
      "ldr r0, [r7]\n\t"
      "mov r8, r2\n\t"
      "mov r9, r3\n\t"
      "mov r10, r2\n\t"
      "mov r11, r3\n\t"
      TG_DUAL_MAC_CHUNKS("7:\n\tb 5f\n\t") /* which lies too far for a condition */
      "ldr r7, [sp]\n\t"
      "mov r2, r8\n\t"
      "mov r3, r9\n\t"
      "mov r5, r10\n\t"
      "mov r6, r11\n\t"
      TG_DUAL_MAC_PART("r2", "r3") TG_DUAL_MAC_PART("r5", "r6")
      "ldr r0, [r7, #56]\n\t"
      "cmp r0, #0\n\t"
      "bne 7b\n\t"
      TG_DUAL_MAC_FOUR
      "ldr r0, [r7, #36]\n\t"
      ".irp sum, r2, r3, r5, r6\n\t"
      "cmp \\sum, r0\n\t"
      "bge 3f\n\t"
      "mov \\sum, r0\n"
      "3:\n\t"
      ".endr\n\t"
      "ldr r0, [r7, #40]\n\t"
      TG_DUAL_MAC_BELOW("r2", "70", "80")
      TG_DUAL_MAC_BELOW("r3", "71", "81")
      TG_DUAL_MAC_BELOW("r5", "72", "82")
      TG_DUAL_MAC_BELOW("r6", "73", "83")
      "ldr r0, [r7, #8]\n\t"
      "strb r2, [r0]\n\t"
      "ldr r2, [r7, #44]\n\t"
      "strb r3, [r0, r2]\n\t"
      "ldr r2, [r7, #48]\n\t"
      "strb r5, [r0, r2]\n\t"
      "ldr r2, [r7, #52]\n\t"
      "strb r6, [r0, r2]\n"
      "4:\n\t" /* the next channel */
      "adds r0, r0, #1\n\t"
      "str r0, [r7, #8]\n\t"
      "ldr r2, [r7, #12]\n\t"
      "cmp r0, r2\n\t"
      "beq 6f\n\t"
      "b 1b\n"
      TG_DUAL_MAC_ABOVE("r2", "70", "80")
      TG_DUAL_MAC_ABOVE("r3", "71", "81")
      TG_DUAL_MAC_ABOVE("r5", "72", "82")
      TG_DUAL_MAC_ABOVE("r6", "73", "83")
      "5:\n\t" /* the maximum */
      ".irp sum, r3, r5, r6\n\t"
      "cmp r2, \\sum\n\t"
      "bge 3f\n\t"
      "mov r2, \\sum\n"
      "3:\n\t"
      ".endr\n\t"
      TG_DUAL_MAC_ONE
      "ldr r0, [r7, #36]\n\t"
      "cmp r2, r0\n\t"
      "bge 3f\n\t"
      "mov r2, r0\n"
      "3:\n\t"
      "ldr r0, [r7, #40]\n\t"
      "cmp r2, r0\n\t"
      "ble 3f\n\t"
      "mov r2, r0\n"
      "3:\n\t"
      "ldr r0, [r7, #8]\n\t"
      "strb r2, [r0]\n\t"
      "b 4b\n"
      TG_DUAL_MAC_APART
      "6:\n\t"
      "pop {r0, r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static inline int8_t tg_conv2d_dual_mac_s8_finish(const tg_dual_mac_tile *tile, int32_t sum) {
#if TG_PER_CHANNEL
  return tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum, tile->bias + 2, tile->round), tile->min, tile->max);
#else
  return tg_requantize_folded(sum, tile->pre, tile->multiplier, tile->round, tile->post, tile->min, tile->max);
#endif
}

static inline void tg_conv2d_dual_mac_s8_dual_mac(tg_dual_mac_tile *tile, const uint8_t *stream) {
  while (tile->output < tile->end) {
    int32_t sums[4] = {tile->bias[0], tile->bias[1], tile->bias[0], tile->bias[1]};
    stream = tg_dual_mac_sums(tile, stream, sums);
    if (tile->pool) {
      *tile->output = tg_conv2d_dual_mac_s8_finish(tile, tg_max(tg_max(sums[0], sums[1]), tg_max(sums[2], sums[3])));
    } else {
      *tile->output = tg_conv2d_dual_mac_s8_finish(tile, sums[0]);
      for (int32_t i = 0; i < 3; i++) {
        tile->output[tile->steps[i]] = tg_conv2d_dual_mac_s8_finish(tile, sums[i + 1]);
      }
    }
    tile->output++;
    tile->bias += TG_DUAL_MAC_BIASES;
  }
}

#endif

/* First row and column of a window; they may lie outside the image. */
typedef struct {
  int32_t top;
  int32_t left;
} tg_conv2d_dual_mac_s8_corner;

static int32_t tg_conv2d_dual_mac_s8_place(const tg_conv2d_dual_mac_s8_params *p, tg_conv2d_dual_mac_s8_corner at) {
  return (at.top * p->in_w + at.left) * p->in_c;
}

/* One row of two windows, in every other word from out. */
static uint32_t *tg_conv2d_dual_mac_s8_lay_out_row(const tg_conv2d_dual_mac_s8_params *p, const int8_t *image,
                                                   tg_conv2d_dual_mac_s8_corner a, tg_conv2d_dual_mac_s8_corner b,
                                                   uint32_t *out) {
  const int32_t channels = p->in_c;
  const int32_t fill = p->in_offset;
  TG_COMPACT
  for (int32_t column = 0; column < p->kernel_w; column++) {
    const int32_t low_inside = (uint32_t)a.top < p->in_h && (uint32_t)a.left < p->in_w;
    const int32_t high_inside = (uint32_t)b.top < p->in_h && (uint32_t)b.left < p->in_w;
    int32_t low = tg_conv2d_dual_mac_s8_place(p, a);
    int32_t high = tg_conv2d_dual_mac_s8_place(p, b);
    TG_COMPACT
    for (int32_t channel = channels; channel > 0; channel--) {
      const int32_t x = low_inside ? image[low] : fill;
      const int32_t y = high_inside ? image[high] : fill;
      *out = (uint32_t)x + ((uint32_t)y << 16);
      low++;
      high++;
      out += 2;
    }
    a.left++;
    b.left++;
  }
  return out;
}

/* Any tile; slow, as every tap may lie outside the image. */
static void tg_conv2d_dual_mac_s8_lay_out_border(const tg_conv2d_dual_mac_s8_params *p, const int8_t *image,
                                                 const tg_conv2d_dual_mac_s8_corner *corners, uint32_t *out) {
  for (int32_t pair = 0; pair < 2; pair++) {
    tg_conv2d_dual_mac_s8_corner a = corners[2 * pair];
    tg_conv2d_dual_mac_s8_corner b = corners[2 * pair + 1];
    uint32_t *word = out + pair;
    TG_COMPACT
    for (int32_t row = p->kernel_h; row > 0; row--) {
      word = tg_conv2d_dual_mac_s8_lay_out_row(p, image, a, b, word);
      a.top++;
      b.top++;
    }
  }
}

/* The inputs of a tile's windows. */
static void tg_conv2d_dual_mac_s8_lay_out(const tg_conv2d_dual_mac_s8_params *p, const int8_t *image,
                                          const tg_conv2d_dual_mac_s8_corner *corners, uint32_t *out) {
  const uint32_t rows = (uint32_t)(p->in_h - p->kernel_h);
  const uint32_t columns = (uint32_t)(p->in_w - p->kernel_w);
  const int32_t fits = p->in_h >= p->kernel_h && p->in_w >= p->kernel_w;
  TG_COMPACT
  for (int32_t i = 0; i < 4; i++) {
    if (!fits || (uint32_t)corners[i].top > rows || (uint32_t)corners[i].left > columns) {
      tg_conv2d_dual_mac_s8_lay_out_border(p, image, corners, out);
      return;
    }
  }
  const int32_t first = tg_conv2d_dual_mac_s8_place(p, corners[0]);
  const int32_t places[3] = {tg_conv2d_dual_mac_s8_place(p, corners[1]) - first,
                             tg_conv2d_dual_mac_s8_place(p, corners[2]) - first,
                             tg_conv2d_dual_mac_s8_place(p, corners[3]) - first};
  const int32_t step = p->in_w * p->in_c;
  const int32_t run = p->kernel_w * p->in_c;
  const int8_t *x = image + first;
  TG_COMPACT
  for (int32_t row = p->kernel_h; row > 0; row--) {
    out = tg_dual_mac_lay_out(x, places, run, out);
    x += step;
  }
}

/* What does not change from tile to tile. */
static void tg_conv2d_dual_mac_s8_prepare(const tg_conv2d_dual_mac_s8_params *p, const int32_t *scratch,
                                          tg_dual_mac_tile *tile) {
  tile->columns = (const uint32_t *)scratch;
  tile->negative_offset = -p->filter_offset;
#if TG_PER_CHANNEL
  tile->round = TG_EPILOGUE_GLOW_CENTER(p->out_offset);
#else
  tile->pre = p->out.pre;
  tile->multiplier = p->out.multiplier;
  tile->round = tg_folded_round(&p->out);
  tile->post = p->out.post;
#endif
  tile->min = p->act_min;
  tile->max = p->act_max;
  tile->pool = p->pool;
  TG_COMPACT
  for (int32_t i = 0; i < 3; i++) {
    tile->steps[i] = (i + 1) * p->out_c;
  }
}

/* The windows of up to four pixels from column x of a row, or of the block there. Pixels that are missing repeat the last
 * one, at the same place in the output. Returns how many outputs there are. */
static int32_t tg_conv2d_dual_mac_s8_next_tile(const tg_conv2d_dual_mac_s8_params *p, tg_conv2d_dual_mac_s8_corner *at,
                                               int32_t *x, int32_t left, tg_conv2d_dual_mac_s8_corner *corners,
                                               tg_dual_mac_tile *tile) {
  if (p->pool) {
    TG_COMPACT
    for (int32_t i = 0; i < 4; i++) {
      corners[i].top = at->top + (i >> 1) * p->stride_h;
      corners[i].left = at->left + (i & 1) * p->stride_w;
    }
    at->left += 2 * p->stride_w;
    return 1;
  }
  int32_t outputs = 0;
  TG_COMPACT
  for (int32_t i = 0; i < 4; i++) {
    corners[i] = *at;
    if (i < left) {
      outputs++;
    }
    if (i < left - 1) {
      at->left += p->stride_w;
      if (++*x == p->out_w) {
        *x = 0;
        at->left = -p->pad_left;
        at->top += p->stride_h;
      }
    } else if (i < 3) {
      tile->steps[i] = i > 0 ? tile->steps[i - 1] : 0;
    }
  }
  return outputs;
}

void tg_conv2d_dual_mac_s8(const tg_conv2d_dual_mac_s8_params *p, const int8_t *input, const int8_t *filter,
                           const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  uint32_t *columns = (uint32_t *)scratch;
  const uint8_t *stream = (const uint8_t *)filter;
  const int32_t rows = p->pool ? p->out_h : 1;
  const int32_t outputs = p->pool ? p->out_w : p->out_h * p->out_w;
  tg_dual_mac_tile tile;
  tg_conv2d_dual_mac_s8_corner corners[4];
  for (int32_t image = 0; image < p->images; image++) {
    tg_conv2d_dual_mac_s8_prepare(p, scratch, &tile);
    tg_conv2d_dual_mac_s8_corner start = {-p->pad_top, -p->pad_left};
    for (int32_t row = 0; row < rows; row++) {
      tg_conv2d_dual_mac_s8_corner at = start;
      int32_t x = 0;
      for (int32_t left = outputs; left > 0;) {
        const int32_t count = tg_conv2d_dual_mac_s8_next_tile(p, &at, &x, left, corners, &tile);
        tg_conv2d_dual_mac_s8_lay_out(p, input, corners, columns);
        tile.bias = bias;
        tile.output = output;
        tile.end = output + p->out_c;
        tg_conv2d_dual_mac_s8_dual_mac(&tile, stream);
        output += count * p->out_c;
        left -= count;
      }
      start.top += 2 * p->stride_h;
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_DUAL_MAC_BIASES
#undef TG_DUAL_MAC_PRE
#undef TG_DUAL_MAC_MULTIPLIER
#undef TG_DUAL_MAC_ROUND
#undef TG_DUAL_MAC_POST
#undef TG_DUAL_MAC_EACH
#undef TG_DUAL_MAC_FOUR
#undef TG_DUAL_MAC_APART
#undef TG_DUAL_MAC_KEEP
#undef TG_DUAL_MAC_NEXT_BIAS
#undef TG_DUAL_MAC_ONE
