/* 2-D convolution whose weights are code: a function that the compiler wrote for this layer sums the products of two
 * neighbouring pixels, without those of zero weights. With pool, the maximum of each 2x2 block. No dilation; the activation
 * is not leaky.
 *
 * Two rows of pixels at a time, p->pairs pairs of each: the inputs that they need are laid out in scratch as the function
 * takes them, word [column][channel][row], in it the input of the left pixel + that of the right one * 2^16. Inputs
 * outside of the image are the offset, which stands for 0.0; its part of all products is in the bias.
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

/* The same for the maximum of four pixels, those below included. About 42 cycles an output. */
static inline void tg_conv2d_code_s8_maxima(const tg_conv2d_code_s8_finish *f, const int32_t *sums, const int32_t *bias,
                                            int32_t count, int8_t *output) {
  register const int32_t *r0 __asm__("r0") = sums;
  register const int32_t *r1 __asm__("r1") = bias;
  register int8_t *r2 __asm__("r2") = output;
  register const tg_conv2d_code_s8_finish *r3 __asm__("r3") = f;
  register const int8_t *r4 __asm__("r4") = output + count;
  __asm__ volatile(
      ".syntax unified\n\t" TG_CODE_CONSTANTS
      "1:\n\t"
      "ldr r3, [r0, #0]\n\t" TG_CODE_LARGER("8") TG_CODE_LARGER("16") TG_CODE_LARGER("24") TG_CODE_OUTPUT
      "cmp r2, r12\n\t"
      "beq 3f\n\t"
      "ldr r3, [r0, #4]\n\t" TG_CODE_LARGER("12") TG_CODE_LARGER("20") TG_CODE_LARGER("28") TG_CODE_OUTPUT
      "adds r0, r0, #32\n\t"
      "cmp r2, r12\n\t"
      "bne 1b\n"
      "3:\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
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

static inline void tg_conv2d_code_s8_maxima(const tg_conv2d_code_s8_finish *f, const int32_t *sums, const int32_t *bias,
                                            int32_t count, int8_t *output) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = tg_conv2d_code_s8_output(f, tg_max(tg_max(sums[0], sums[2]), tg_max(sums[4], sums[6])), bias);
    bias += TG_CODE_BIASES;
    sums += i & 1 ? 7 : 1;
  }
}

#endif

static int32_t tg_conv2d_code_s8_between(int32_t x, int32_t low, int32_t high) { return tg_max(low, tg_min(x, high)); }

static void tg_conv2d_code_s8_fill(uint32_t *out, int32_t step, int32_t rows, int32_t count, int32_t offset) {
  if (rows > 0) {
    tg_code_fill(out, step, rows, count, (uint32_t)offset * 0x10001u);
  }
}

/* Words of columns x to end of the image, counted from its first; of rows that lie inside. */
TG_CODE_ONCE static void tg_conv2d_code_s8_lay_out_any(const tg_conv2d_code_s8_params *p, const int8_t *first,
                                                       int32_t rows, int32_t x, int32_t end, uint32_t *out) {
  const int32_t channels = p->in_c;
  TG_COMPACT
  for (int32_t i = x * channels; i < end * channels; i++) {
    const int32_t right = i + p->stride_w * channels;
    const int32_t length = p->in_w * channels;
    const int8_t *row = first;
    TG_COMPACT
    for (int32_t y = 0; y < rows; y++) {
      const int32_t low = i >= 0 && i < length ? row[i] : p->in_offset;
      const int32_t high = right >= 0 && right < length ? row[right] : p->in_offset;
      out[y] = (uint32_t)low + ((uint32_t)high << 16);
      row += length;
    }
    out += p->kernel_h + p->stride_h;
  }
}

/* The same where each word has an input inside of the image, as in most layers. */
static void tg_conv2d_code_s8_lay_out_rows(const tg_conv2d_code_s8_params *p, const int8_t *first, int32_t rows,
                                           int32_t x, int32_t end, uint32_t *out) {
  const int32_t last = p->in_w - p->stride_w;
  if (x < -p->stride_w || end > p->in_w || last < 0) {
    tg_conv2d_code_s8_lay_out_any(p, first, rows, x, end, out);
    return;
  }
  const int32_t channels = p->in_c;
  const int32_t step = p->kernel_h + p->stride_h;
  const int32_t pitch = p->in_w * channels;
  const int32_t right = p->stride_w * channels;
  if (x < 0) {
    const int32_t count = tg_min(-x, end - x) * channels;
    tg_code_border(out, step, rows, count, first + x * channels + right, 16, (uint32_t)p->in_offset, pitch);
    out += count * step;
    x = 0;
  }
  const int8_t *input = first + x * channels;
  int32_t count = (tg_min(end, last) - x) * channels;
  if (count > 0) {
    tg_code_words(out, step, rows, count, input, input + right, pitch);
    out += count * step;
    input += count;
  } else {
    count = 0;
  }
  count = (end - x) * channels - count;
  if (count > 0) {
    tg_code_border(out, step, rows, count, input, 0, (uint32_t)p->in_offset << 16, pitch);
  }
}

static void tg_conv2d_code_s8_lay_out(const tg_conv2d_code_s8_params *p, const int8_t *image, int32_t top, int32_t left,
                                      int32_t columns, uint32_t *out) {
  const int32_t step = p->kernel_h + p->stride_h;
  const int32_t bottom = top + step;
  const int32_t begin = tg_conv2d_code_s8_between(0, top, bottom);
  const int32_t end = tg_conv2d_code_s8_between(p->in_h, begin, bottom);
  const int32_t count = columns * p->in_c;
  tg_conv2d_code_s8_fill(out, step, begin - top, count, p->in_offset);
  if (end > begin) {
    const int8_t *first = image + begin * p->in_w * p->in_c;
    tg_conv2d_code_s8_lay_out_rows(p, first, end - begin, left, left + columns, out + (begin - top));
  }
  tg_conv2d_code_s8_fill(out + (end - top), step, bottom - end, count, p->in_offset);
}

typedef struct {
  tg_code *weights;
  const int32_t *bias;
  tg_conv2d_code_s8_finish finish;
  int32_t *sums;
  uint32_t *words;
} tg_conv2d_code_s8_layer;

/* Blocks of two rows of pixels: count outputs of all channels each. */
static void tg_conv2d_code_s8_blocks(const tg_conv2d_code_s8_params *p, const tg_conv2d_code_s8_layer *l,
                                     int8_t *output, int32_t count) {
  const int32_t step = 2 * p->stride_w * p->in_c * (p->kernel_h + p->stride_h);
  const int32_t channels = p->out_c;
  const uint32_t *window = l->words;
  for (; count > 0; count--) {
    l->weights(window, l->sums);
    l->weights(window + p->stride_h, l->sums + 4);
    tg_conv2d_code_s8_maxima(&l->finish, l->sums, l->bias, channels, output);
    window += step;
    output += channels;
  }
}

/* count pixels of a row, which begins at words. */
static void tg_conv2d_code_s8_pixels(const tg_conv2d_code_s8_params *p, const tg_conv2d_code_s8_layer *l,
                                     const uint32_t *words, int8_t *output, int32_t count) {
  const int32_t step = 2 * p->stride_w * p->in_c * (p->kernel_h + p->stride_h);
  const int32_t channels = p->out_c;
  for (; count > 0; count -= 2) {
    l->weights(words, l->sums);
    words += step;
    const int32_t *sums = l->sums;
    for (int32_t i = tg_min(count, 2); i > 0; i--) {
      tg_conv2d_code_s8_outputs(&l->finish, sums, l->bias, channels, output);
      sums += 2;
      output += channels;
    }
  }
}

void tg_conv2d_code_s8(const tg_conv2d_code_s8_params *p, const int8_t *input, tg_code *weights, const tg_i32 *bias,
                       int8_t *output, tg_i32 *scratch) {
  const tg_conv2d_code_s8_layer l = {
      .weights = weights,
      .bias = bias,
#if TG_PER_CHANNEL
      .finish = {.half = TG_EPILOGUE_GLOW_CENTER(p->out_offset), .low = p->act_min, .high = p->act_max},
#else
      .finish = {(int32_t)(((uint32_t)1 << p->out.post) >> 1), p->out.offset, p->act_min, p->act_max,
                 p->out.multiplier, p->out.pre, p->out.post},
#endif
      .sums = scratch,
      .words = (uint32_t *)(scratch + (p->out_c + 1) / 2 * 8),
  };
  const int32_t halving = p->pool ? 1 : 0;
  const int32_t height = (int32_t)p->out_h << halving;
  const int32_t width = (int32_t)p->out_w << halving;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < height; y += 2) {
      for (int32_t x = 0; x < width; x += 2 * p->pairs) {
        const int32_t count = tg_min(width - x, 2 * p->pairs);
        const int32_t columns = ((count - 1) & ~1) * p->stride_w + p->kernel_w;
        tg_conv2d_code_s8_lay_out(p, input, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left, columns,
                                  l.words);
        int8_t *first = output + ((y >> halving) * p->out_w + (x >> halving)) * p->out_c;
        if (p->pool) {
          tg_conv2d_code_s8_blocks(p, &l, first, count >> 1);
          continue;
        }
        for (int32_t row = 0; row < tg_min(height - y, 2); row++) {
          tg_conv2d_code_s8_pixels(p, &l, l.words + row * p->stride_h, first, count);
          first += p->out_w * p->out_c;
        }
      }
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}

#undef TG_PER_CHANNEL
#undef TG_CODE_BIASES
#undef TG_CODE_SCALED
#undef TG_CODE_OUTPUT
#undef TG_CODE_LARGER
#undef TG_CODE_CONSTANTS
