/* 2-D convolution whose weights are code: a function that the compiler wrote for this layer sums the products of two
 * pixels, one above the other, without those of zero weights. With pool, the maximum of each 2x2 block. No dilation; the
 * activation is not leaky.
 *
 * Two rows of pixels at a time, p->at_once of each, an even number with pool: the inputs that they need are laid out in
 * scratch as the function takes them, word [column][channel][row], in it the input of the upper pixel + that of the lower
 * one * 2^16. Columns that the next ones' windows share stay. Inputs outside of the image are the offset, which stands for
 * 0.0; its part of all products is in the bias.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own, a word after its bias. */
#include "tg_code.h"
#include "tg_compact.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_PER_CHANNEL 0

/* How sums become outputs: as tg_requantize and the bounds of an activation; half is that of 1 << post. With
 * TG_PER_CHANNEL as tg_requantize_by, whose center is half; offset, multiplier, pre and post are not used. */
typedef struct {
  int32_t half;
  int32_t offset;
  int32_t low;
  int32_t high;
  int32_t multiplier;
  int32_t pre;
  int32_t post;
} tg_conv2d_code_s8_finish;

/* What blocks of 2x2 pixels, or columns of pixels, are computed from; the code below knows the order. */
typedef struct {
  tg_code *weights;
  int32_t *sums;
  const uint32_t *window; /* of the first of them */
  int32_t step;           /* bytes from one column's window to the next */
  const int32_t *bias;
  int8_t *output;
  int32_t channels;
  int32_t count;
  tg_conv2d_code_s8_finish finish;
} tg_conv2d_code_s8_layer;

#if TG_PER_CHANNEL
#define TG_CODE_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#else
#define TG_CODE_BIASES 1
#endif

#if TG_ARMV6M_LOOPS && TG_EPILOGUE_GLOW_FUSED

/* A sum in r3, and r1 at the channel's bias, to what is to be bounded. Shifts by a register take its lowest byte. */
#if TG_PER_CHANNEL
#define TG_CODE_SCALED \
  "ldmia r1!, {r4, r5}\n\t" \
  "adds r3, r3, r4\n\t" \
  "asrs r3, r3, r5\n\t" \
  "lsrs r4, r5, #16\n\t" \
  "muls r3, r4, r3\n\t" \
  "lsrs r5, r5, #8\n\t" \
  "asrs r3, r3, r5\n\t" \
  "add r3, r8\n\t" \
  "asrs r3, r3, #1\n\t"
#else
#define TG_CODE_SCALED \
  "ldmia r1!, {r4}\n\t" \
  "adds r3, r3, r4\n\t" \
  "asrs r3, r3, r6\n\t" \
  "muls r3, r5, r3\n\t" \
  "add r3, r8\n\t" \
  "asrs r3, r3, r7\n\t" \
  "add r3, r9\n\t"
#endif

/* An output: x in r3 to the place in r2, which moves on. */
#define TG_CODE_OUTPUT \
  TG_CODE_SCALED \
  "cmp r3, r10\n\t" \
  "bge 2f\n\t" \
  "mov r3, r10\n" \
  "2:\n\t" \
  "cmp r3, r11\n\t" \
  "ble 2f\n\t" \
  "mov r3, r11\n" \
  "2:\n\t" \
  "strb r3, [r2, #0]\n\t" \
  "adds r2, r2, #1\n\t"

#define TG_CODE_LARGER(offset) \
  "ldr r4, [r0, #" offset "]\n\t" \
  "cmp r3, r4\n\t" \
  "bge 2f\n\t" \
  "mov r3, r4\n" \
  "2:\n\t"

#define TG_CODE_CONSTANTS \
  "push {r7}\n\t" \
  "mov r12, r4\n\t" \
  "ldmia r3!, {r4, r5, r6, r7}\n\t" \
  "mov r8, r4\n\t" \
  "mov r9, r5\n\t" \
  "mov r10, r6\n\t" \
  "mov r11, r7\n\t" \
  "ldmia r3!, {r5, r6, r7}\n"

/* The outputs of one pixel, count of them. sums: as weights that are code leave them, two channels in eight words. About
 * 26 cycles an output. */
static inline void tg_conv2d_code_s8_outputs(const tg_conv2d_code_s8_finish *f, const int32_t *sums,
                                             const int32_t *bias, int32_t count, int8_t *output) {
  register const int32_t *r0 __asm__("r0") = sums;
  register const int32_t *r1 __asm__("r1") = bias;
  register int8_t *r2 __asm__("r2") = output;
  register const tg_conv2d_code_s8_finish *r3 __asm__("r3") = f;
  register const int8_t *r4 __asm__("r4") = output + count;
  __asm__ volatile(
      ".syntax unified\n\t" TG_CODE_CONSTANTS
      "1:\n\t"
      "ldr r3, [r0, #0]\n\t" TG_CODE_OUTPUT
      "cmp r2, r12\n\t"
      "beq 3f\n\t"
      "ldr r3, [r0, #4]\n\t" TG_CODE_OUTPUT
      "adds r0, r0, #32\n\t"
      "cmp r2, r12\n\t"
      "bne 1b\n"
      "3:\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
}

/* count > 0 blocks: both columns' sums, and of each channel the maximum of four pixels. About 38 cycles an output and 65 a
 * block, without the weights' code, which keeps r4 to r11. */
static inline void tg_conv2d_code_s8_blocks(tg_conv2d_code_s8_layer *l) {
  register tg_conv2d_code_s8_layer *r4 __asm__("r4") = l;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r6, r7}\n\t"
      "mov r3, r4\n\t"
      "adds r3, r3, #32\n\t"
      "ldmia r3!, {r0, r1, r2, r5, r6, r7}\n\t"
      "mov r8, r0\n\t"
      "mov r9, r1\n\t"
      "mov r10, r2\n\t"
      "mov r11, r5\n\t"
      "mov r5, r6\n\t"
      "mov r6, r7\n\t"
      "ldr r7, [r3, #0]\n"
      "1:\n\t"
      "ldr r0, [r4, #8]\n\t"
      "ldr r1, [r4, #4]\n\t"
      "ldr r3, [r4, #0]\n\t"
      "blx r3\n\t"
      "ldr r0, [r4, #8]\n\t"
      "ldr r2, [r4, #12]\n\t"
      "adds r0, r0, r2\n\t"
      "adds r2, r0, r2\n\t"
      "str r2, [r4, #8]\n\t"
      "ldr r1, [r4, #4]\n\t"
      "adds r1, r1, #16\n\t"
      "ldr r3, [r4, #0]\n\t"
      "blx r3\n\t"
      "ldr r0, [r4, #4]\n\t"
      "ldr r1, [r4, #16]\n\t"
      "ldr r2, [r4, #20]\n\t"
      "ldr r3, [r4, #24]\n\t"
      "adds r3, r2, r3\n\t"
      "str r3, [r4, #20]\n\t"
      "mov r12, r3\n\t"
      "mov lr, r4\n"
      "4:\n\t"
      "ldr r3, [r0, #0]\n\t" TG_CODE_LARGER("8") TG_CODE_LARGER("16") TG_CODE_LARGER("24") TG_CODE_OUTPUT
      "cmp r2, r12\n\t"
      "beq 3f\n\t"
      "ldr r3, [r0, #4]\n\t" TG_CODE_LARGER("12") TG_CODE_LARGER("20") TG_CODE_LARGER("28") TG_CODE_OUTPUT
      "adds r0, r0, #32\n\t"
      "cmp r2, r12\n\t"
      "bne 4b\n"
      "3:\n\t"
      "mov r4, lr\n\t"
      "ldr r3, [r4, #28]\n\t"
      "subs r3, r3, #1\n\t"
      "str r3, [r4, #28]\n\t"
      "beq 5f\n\t"
      "b 1b\n"
      "5:\n\t"
      "pop {r6, r7}\n\t"
      : "+r"(r4)
      :
      : "r0", "r1", "r2", "r3", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

/* bias: the channel's words; its sum without it. */
static inline int8_t tg_conv2d_code_s8_output(const tg_conv2d_code_s8_finish *f, int32_t sum, const int32_t *bias) {
#if TG_PER_CHANNEL
  return tg_clamp_s8(TG_EPILOGUE_GLOW_FOLDED(sum + bias[0], bias + 1, f->half), f->low, f->high);
#else
  sum += bias[0];
  const uint32_t product = (uint32_t)(sum >> f->pre) * (uint32_t)f->multiplier;
  const int32_t scaled = (int32_t)(product + (uint32_t)f->half) >> f->post;
  return tg_clamp_s8((int32_t)((uint32_t)scaled + (uint32_t)f->offset), f->low, f->high);
#endif
}

static inline void tg_conv2d_code_s8_outputs(const tg_conv2d_code_s8_finish *f, const int32_t *sums,
                                             const int32_t *bias, int32_t count, int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = tg_conv2d_code_s8_output(f, *sums, bias);
    bias += TG_CODE_BIASES;
    sums += i & 1 ? 7 : 1;
  }
}

static inline void tg_conv2d_code_s8_blocks(tg_conv2d_code_s8_layer *l) {
  const int32_t step = l->step / (int32_t)sizeof(uint32_t);
  const uint32_t *window = l->window;
  for (; l->count > 0; l->count--) {
    l->weights(window, l->sums);
    l->weights(window + step, l->sums + 4);
    window += 2 * step;
    const int32_t *sums = l->sums;
    const int32_t *bias = l->bias;
    for (int32_t i = 0; i < l->channels; i++) {
      const int32_t largest = tg_max(tg_max(sums[0], sums[2]), tg_max(sums[4], sums[6]));
      *l->output++ = tg_conv2d_code_s8_output(&l->finish, largest, bias);
      bias += TG_CODE_BIASES;
      sums += i & 1 ? 7 : 1;
    }
  }
}

#endif

/* Words [column][channel][row] of an image's columns, some of which may lie beside it, from left on; top: the first word's
 * upper row, which may lie above it. */
TG_CODE_ONCE static void tg_conv2d_code_s8_lay_out(const tg_conv2d_code_s8_params *p, const int8_t *image, int32_t top,
                                                   int32_t left, int32_t columns, uint32_t *out) {
  const int32_t step = p->kernel_h;
  const int32_t in_h = p->in_h;
  const int32_t channels = p->in_c;
  const int32_t down = p->stride_h;
  const int32_t pitch = p->in_w * channels;
  const int32_t before = tg_min(tg_max(-left, 0), columns);
  const int32_t inside = tg_max(tg_min(p->in_w - left, columns) - before, 0);
  const int32_t after = columns - before - inside;
  const int32_t count = inside * channels;
  const uint32_t outside = (uint32_t)p->in_offset * 0x10001u;
  if (before > 0) {
    tg_code_fill(out, 1, before * channels * step, outside);
    out += before * channels * step;
  }
  if (after > 0) {
    tg_code_fill(out + count * step, 1, after * channels * step, outside);
  }
  if (count == 0) {
    return;
  }
  const int8_t *const first = image + (left + before) * channels;
  if (step == 3 && down == 1 && top >= 0 && top + 3 < in_h) {
    tg_code_three(out, count, first + top * pitch, pitch);
    return;
  }
  int32_t rows = 1;
  for (int32_t i = 0; i < step; i += rows) {
    const int32_t y = top + i;
    const int32_t upper = y * pitch;
    const int32_t lower = upper + down * pitch;
    const int32_t is_upper = (uint32_t)y < (uint32_t)in_h;
    const int32_t is_lower = (uint32_t)(y + down) < (uint32_t)in_h;
    rows = 1;
    if (is_upper && is_lower) {
      rows = tg_min(in_h - down - y, step - i);
      tg_code_words(out + i, step, rows, count, first + upper, first + lower, pitch);
    } else if (is_upper) {
      tg_code_border(out + i, step, count, first + upper, 0, (uint32_t)p->in_offset << 16);
    } else if (is_lower) {
      tg_code_border(out + i, step, count, first + lower, 16, (uint32_t)p->in_offset);
    } else {
      tg_code_fill(out + i, step, count, outside);
    }
  }
}

/* Columns of one or two pixels; row: from the upper pixel's outputs to the lower one's, 0: there is none. */
static void tg_conv2d_code_s8_pixels(tg_conv2d_code_s8_layer *l, int32_t row) {
  const int32_t step = l->step / (int32_t)sizeof(uint32_t);
  const uint32_t *window = l->window;
  for (; l->count > 0; l->count--) {
    l->weights(window, l->sums);
    window += step;
    tg_conv2d_code_s8_outputs(&l->finish, l->sums, l->bias, l->channels, l->output);
    if (row > 0) {
      tg_conv2d_code_s8_outputs(&l->finish, l->sums + 2, l->bias, l->channels, l->output + row);
    }
    l->output += l->channels;
  }
}

/* Two rows of pixels of which the upper one is y. */
static void tg_conv2d_code_s8_two_rows(const tg_conv2d_code_s8_params *p, const int8_t *image, int32_t y,
                                       tg_conv2d_code_s8_layer *l, uint32_t *words) {
  const int32_t column = p->in_c * p->kernel_h;
  const int32_t width = p->pool ? 2 * p->out_w : p->out_w;
  const int32_t row = p->out_h - y > 1 ? p->out_w * p->out_c : 0;
  const int32_t at_once = p->at_once;
  int32_t kept = 0; /* columns that the step before left */
  for (int32_t x = 0; x < width; x += at_once) {
    if (kept > 0) {
      tg_code_move(words, words + at_once * p->stride_w * column, kept * column);
    }
    const int32_t count = tg_min(width - x, at_once);
    tg_conv2d_code_s8_lay_out(p, image, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left + kept,
                              (count - 1) * p->stride_w + p->kernel_w - kept, words + kept * column);
    kept = tg_max(p->kernel_w - p->stride_w, 0);
    l->window = words;
    if (p->pool) {
      l->count = count >> 1;
      tg_conv2d_code_s8_blocks(l);
    } else {
      l->count = count;
      tg_conv2d_code_s8_pixels(l, row);
    }
  }
  l->output += p->pool ? 0 : row;
}

void tg_conv2d_code_s8(const tg_conv2d_code_s8_params *p, const int8_t *input, tg_code *weights, const tg_i32 *bias,
                       int8_t *output, tg_i32 *scratch) {
  tg_conv2d_code_s8_layer l = {
      .weights = weights,
      .sums = scratch,
      .step = 4 * p->stride_w * p->in_c * p->kernel_h,
      .bias = bias,
      .output = output,
      .channels = p->out_c,
#if TG_PER_CHANNEL
      .finish = {.half = TG_EPILOGUE_GLOW_CENTER(p->out_offset), .low = p->act_min, .high = p->act_max},
#else
      .finish = {(int32_t)(((uint32_t)1 << p->out.post) >> 1), p->out.offset, p->act_min, p->act_max,
                 p->out.multiplier, p->out.pre, p->out.post},
#endif
  };
  const int32_t height = p->pool ? 2 * p->out_h : p->out_h;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < height; y += 2) {
      tg_conv2d_code_s8_two_rows(p, input, y, &l, (uint32_t *)(scratch + (p->out_c + 1) / 2 * 8));
    }
    input += p->in_h * p->in_w * p->in_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_CODE_BIASES
#undef TG_CODE_SCALED
#undef TG_CODE_OUTPUT
#undef TG_CODE_LARGER
#undef TG_CODE_CONSTANTS
