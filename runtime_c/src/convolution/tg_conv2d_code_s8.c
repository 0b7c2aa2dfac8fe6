/* 2-D convolution whose weights are code: a function that the compiler wrote for this layer sums the products of two
 * neighbouring pixels, without those of zero weights. With pool, the maximum of each 2x2 square. No dilation.
 *
 * Two rows of pixels at a time, p->pairs pairs of each: the inputs that they need are laid out in scratch as the function
 * takes them, word [column][channel][row], in it the input of the left pixel + that of the right one * 2^16. Inputs
 * outside of the image are the offset, which stands for 0.0; its part of all products is in the bias. */
#include "tg_kernels.h"
#include "tg_numerics.h"

/* A run of one row's words: count inputs from low and high, or the offset for either that is 0. */
static uint32_t *words_of(uint32_t *out, int32_t step, const int8_t *low, const int8_t *high, int32_t count,
                          int32_t offset) {
  if (low && high) {
    for (int32_t i = 0; i < count; i++) {
      *out = (uint32_t)low[i] + ((uint32_t)high[i] << 16);
      out += step;
    }
    return out;
  }
  for (int32_t i = 0; i < count; i++) {
    const int32_t left = low ? low[i] : offset;
    const int32_t right = high ? high[i] : offset;
    *out = (uint32_t)left + ((uint32_t)right << 16);
    out += step;
  }
  return out;
}

/* One row's words from column x of the image: columns of them, out points to the first. */
static void lay_out_row(const tg_conv2d_code_s8_params *p, const int8_t *row, int32_t x, int32_t columns, int32_t step,
                        uint32_t *out) {
  const int32_t channels = p->in_c;
  const int32_t right = p->stride_w;
  const int32_t end = x + columns;
  while (x < end) {
    const int8_t *low = x >= 0 && x < p->in_w ? row + x * channels : 0;
    const int8_t *high = x + right >= 0 && x + right < p->in_w ? row + (x + right) * channels : 0;
    const int32_t run = low && high ? tg_min(end, p->in_w - right) - x : 1;
    out = words_of(out, step, low, high, run * channels, p->in_offset);
    x += run;
  }
}

static void lay_out(const tg_conv2d_code_s8_params *p, const int8_t *image, int32_t top, int32_t left, int32_t columns,
                    uint32_t *out) {
  const int32_t rows = p->kernel_h + p->stride_h;
  for (int32_t y = top; y < top + rows; y++) {
    if (y >= 0 && y < p->in_h) {
      lay_out_row(p, image + y * p->in_w * p->in_c, left, columns, rows, out);
    } else {
      (void)words_of(out, rows, 0, 0, columns * p->in_c, p->in_offset);
    }
    out++;
  }
}

/* Sums and sums of the row below, of two pixels each: to above, the maximum of all four for each channel. */
static void maximum(int32_t *above, const int32_t *below, int32_t channels) {
  for (; channels > 0; channels -= 2) {
    above[0] = tg_max(tg_max(above[0], above[2]), tg_max(below[0], below[2]));
    above[1] = tg_max(tg_max(above[1], above[3]), tg_max(below[1], below[3]));
    above += 4;
    below += 4;
  }
}

/* One pixel from its sums: channels by twos, each pair with that of the other pixel behind it. */
static void finish(const tg_conv2d_code_s8_params *p, const int32_t *sums, const int32_t *bias, int8_t *output) {
  const tg_requant requant = p->out;
  const int32_t low = p->act_min;
  const int32_t high = p->act_max;
  int32_t step = 1;
  for (const int8_t *end = output + p->out_c; output < end; output++) {
    int32_t x = tg_requantize(*sums + *bias++, &requant);
    sums += step;
    step ^= 2;
    if (p->leaky) {
      x = tg_activate_s8(x, low, high, 1, &p->negative);
    }
    if (x < low) {
      x = low;
    }
    if (x > high) {
      x = high;
    }
    *output = (int8_t)x;
  }
}

/* Two rows of pixels from column x, count of each. rows: how many of them there are. */
static void segment(const tg_conv2d_code_s8_params *p, tg_code *weights, const int32_t *bias, int8_t *output,
                    int32_t *scratch, int32_t count, int32_t rows) {
  int32_t *above = scratch;
  int32_t *below = above + (p->out_c + 1) / 2 * 4;
  const uint32_t *window = (const uint32_t *)(below + (below - above));
  const int32_t step = 2 * p->stride_w * p->in_c * (p->kernel_h + p->stride_h);
  for (; count > 0; count -= 2) {
    weights(window, above);
    if (rows == 2) {
      weights(window + p->stride_h, below);
    }
    window += step;
    if (p->pool) {
      maximum(above, below, p->out_c);
      finish(p, above, bias, output);
      output += p->out_c;
      continue;
    }
    for (int32_t right = 0; right < tg_min(count, 2); right++) {
      finish(p, above + 2 * right, bias, output);
      if (rows == 2) {
        finish(p, below + 2 * right, bias, output + p->out_w * p->out_c);
      }
      output += p->out_c;
    }
  }
}

void tg_conv2d_code_s8(const tg_conv2d_code_s8_params *p, const int8_t *input, tg_code *weights, const int32_t *bias,
                       int8_t *output, int32_t *scratch) {
  const int32_t square = p->pool ? 2 : 1;
  const int32_t height = p->out_h * square;
  const int32_t width = p->out_w * square;
  uint32_t *words = (uint32_t *)(scratch + (p->out_c + 1) / 2 * 8);
  for (int32_t image = 0; image < p->images; image++) {
    for (int32_t y = 0; y < height; y += 2) {
      const int32_t rows = tg_min(height - y, 2);
      for (int32_t x = 0; x < width; x += 2 * p->pairs) {
        const int32_t count = tg_min(width - x, 2 * p->pairs);
        const int32_t columns = (count - 1) / 2 * 2 * p->stride_w + p->kernel_w;
        lay_out(p, input, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left, columns, words);
        int8_t *first = output + (y / square * p->out_w + x / square) * p->out_c;
        segment(p, weights, bias, first, scratch, count, rows);
      }
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}
