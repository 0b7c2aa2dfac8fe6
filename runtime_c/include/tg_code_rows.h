/* Convolution whose weights are code, in which kernels differ by their parameters alone: tg_code_params, and
 * TG_CODE_SCALES of tg_code.h.
 *
 * Two rows of pixels at a time, p->pairs pairs of each: the inputs that they need are laid out in scratch as the function
 * takes them, word [column][channel][row], in it the input of the left pixel + that of the right one * 2^16. Inputs
 * outside of the image are the offset, which stands for 0.0; its part of all products is in the bias. */
#ifndef TG_CODE_ROWS_H
#define TG_CODE_ROWS_H

#include "tg_code.h"
#include "tg_compact.h"

static int32_t between(int32_t x, int32_t low, int32_t high) { return tg_max(low, tg_min(x, high)); }

static void fill(tg_u32 *out, int32_t step, int32_t rows, int32_t count, int32_t offset) {
  if (rows > 0) {
    tg_code_fill(out, step, rows, count, (uint32_t)offset * 0x10001u);
  }
}

/* Words of columns x to end of the image, counted from its first; of rows that lie inside. */
TG_CODE_ONCE static void lay_out_any(const tg_code_params *p, const int8_t *first, int32_t rows, int32_t x,
                                     int32_t end, tg_u32 *out) {
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
static void lay_out_rows(const tg_code_params *p, const int8_t *first, int32_t rows, int32_t x, int32_t end,
                         tg_u32 *out) {
  const int32_t last = p->in_w - p->stride_w;
  if (x < -p->stride_w || end > p->in_w || last < 0) {
    lay_out_any(p, first, rows, x, end, out);
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

static void lay_out(const tg_code_params *p, const int8_t *image, int32_t top, int32_t left, int32_t columns,
                    tg_u32 *out) {
  const int32_t step = p->kernel_h + p->stride_h;
  const int32_t bottom = top + step;
  const int32_t begin = between(0, top, bottom);
  const int32_t end = between(p->in_h, begin, bottom);
  const int32_t count = columns * p->in_c;
  fill(out, step, begin - top, count, p->in_offset);
  if (end > begin) {
    const int8_t *first = image + begin * p->in_w * p->in_c;
    lay_out_rows(p, first, end - begin, left, left + columns, out + (begin - top));
  }
  fill(out + (end - top), step, bottom - end, count, p->in_offset);
}

typedef struct {
  tg_code *weights;
  const tg_i32 *bias;
  tg_code_finish finish;
  tg_i32 *sums;
  tg_u32 *words;
} layer;

/* Blocks of two rows of pixels: count outputs of all channels each. */
static void blocks(const tg_code_params *p, const layer *l, int8_t *output, int32_t count) {
  const int32_t step = 2 * p->stride_w * p->in_c * (p->kernel_h + p->stride_h);
  const int32_t channels = p->out_c;
  const tg_u32 *window = l->words;
  for (; count > 0; count--) {
    l->weights(window, l->sums);
    l->weights(window + p->stride_h, l->sums + 4);
    tg_code_maxima(&l->finish, l->sums, l->bias, channels, output);
    window += step;
    output += channels;
  }
}

/* count pixels of a row, which begins at words. */
static void pixels(const tg_code_params *p, const layer *l, const tg_u32 *words, int8_t *output,
                   int32_t count) {
  const int32_t step = 2 * p->stride_w * p->in_c * (p->kernel_h + p->stride_h);
  const int32_t channels = p->out_c;
  for (; count > 0; count -= 2) {
    l->weights(words, l->sums);
    words += step;
    const tg_i32 *sums = l->sums;
    for (int32_t i = tg_min(count, 2); i > 0; i--) {
      tg_code_outputs(&l->finish, sums, l->bias, channels, output);
      sums += 2;
      output += channels;
    }
  }
}

static inline void tg_code_convolve(const tg_code_params *p, const int8_t *input, tg_code *weights, const tg_i32 *bias,
                                    int8_t *output, tg_i32 *scratch) {
  const layer l = {
      .weights = weights,
      .bias = bias,
#if TG_CODE_SCALES
      .finish = {.half = TG_EPILOGUE_CENTER(p->out_offset), .low = p->act_min, .high = p->act_max},
#else
      .finish = {(int32_t)(((uint32_t)1 << p->out.post) >> 1), p->out.offset, p->act_min, p->act_max,
                 p->out.multiplier, p->out.pre, p->out.post},
#endif
      .sums = scratch,
      .words = (tg_u32 *)(scratch + (p->out_c + 1) / 2 * 8),
  };
  const int32_t halving = p->pool ? 1 : 0;
  const int32_t height = (int32_t)p->out_h << halving;
  const int32_t width = (int32_t)p->out_w << halving;
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < height; y += 2) {
      for (int32_t x = 0; x < width; x += 2 * p->pairs) {
        const int32_t count = tg_min(width - x, 2 * p->pairs);
        const int32_t columns = ((count - 1) & ~1) * p->stride_w + p->kernel_w;
        lay_out(p, input, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left, columns, l.words);
        int8_t *first = output + ((y >> halving) * p->out_w + (x >> halving)) * p->out_c;
        if (p->pool) {
          blocks(p, &l, first, count >> 1);
          continue;
        }
        for (int32_t row = 0; row < tg_min(height - y, 2); row++) {
          pixels(p, &l, l.words + row * p->stride_h, first, count);
          first += p->out_w * p->out_c;
        }
      }
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}

#endif
