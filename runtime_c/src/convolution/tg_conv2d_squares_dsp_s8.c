/* The maxima of 2x2 squares of a 3x3 convolution of one channel, stride 1: what many networks of images begin with.
 *
 * Four rows of the image lie in scratch as halves, two pixels a word, with padding: the rows that one row of squares
 * needs. The words of four rows stand together, each in the place of its row's last two bits, so that two rows stay where
 * they are while the other two change. A square is two such groups of four, which all channels share. Of the words of a row, (x0, x1) and (x2, x3), the left pixel's sum takes x0, x1, x2, the right one's x1, x2,
 * x3. A row of weights is two words, (w0, w1) and (w1, w2). The input's offset, which padding holds, is folded into the
 * bias. No requantization wraps, so that the maximum may be taken of the sums. */
#include "tg_compact.h"
#include "tg_dsp.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

static int32_t pixel(const tg_conv2d_squares_dsp_s8_params *p, const int8_t *row, int32_t column) {
  return (uint32_t)column < p->in_w ? row[column] : p->in_offset;
}

/* One row of the image, or of the padding above or below it, in every fourth word. */
static TG_APART void lay_out(const tg_conv2d_squares_dsp_s8_params *p, const int8_t *image, int32_t row, uint32_t *out) {
  const int8_t *x = image + row * p->in_w;
  const int32_t inside = (uint32_t)row < p->in_h;
  int32_t column = -p->pad_left;
  TG_COMPACT
  for (int32_t words = p->out_w + 1; words > 0; words--) {
    const int32_t left = inside ? pixel(p, x, column) : p->in_offset;
    const int32_t right = inside ? pixel(p, x, column + 1) : p->in_offset;
    *out = tg_halves(left, right);
    out += 4;
    column += 2;
  }
}

/* Adds one row of weights to the sums of a left and a right pixel, {left, right}; x: the first of the row's words. */
static inline void add_row(const uint32_t *x, const uint32_t *weights, uint32_t *sums) {
  sums[0] = tg_dot_low_high(x[4], weights[1], tg_dot2(x[0], weights[0], sums[0]));
  sums[1] = tg_dot2(x[4], weights[1], tg_dot_low_high(weights[0], x[0], sums[1]));
}

/* One square, all channels. first, last: words of the first and the last two rows; filter: of each channel a bias and
 * three rows of weights. */
static inline int8_t *square(const tg_conv2d_squares_dsp_s8_params *p, const uint32_t *first, const uint32_t *last,
                             const uint32_t *filter, int8_t *output) {
  TG_COMPACT
  for (int8_t *end = output + p->out_c; output < end; output++) {
    uint32_t upper[2] = {filter[0], filter[0]};
    uint32_t lower[2] = {filter[0], filter[0]};
    add_row(first, filter + 1, upper);
    add_row(first + 1, filter + 1, lower);
    add_row(first + 1, filter + 3, upper);
    add_row(last, filter + 3, lower);
    add_row(last, filter + 5, upper);
    add_row(last + 1, filter + 5, lower);
    const int32_t above = tg_max((int32_t)upper[0], (int32_t)upper[1]);
    const int32_t below = tg_max((int32_t)lower[0], (int32_t)lower[1]);
    *output = tg_clamp_s8(tg_requantize(tg_max(above, below), &p->out), p->act_min, p->act_max);
    filter += 7;
  }
  return output;
}

void tg_conv2d_squares_dsp_s8(const tg_conv2d_squares_dsp_s8_params *p, const int8_t *input, const int32_t *filter,
                              int8_t *output, int32_t *scratch) {
  uint32_t *words = (uint32_t *)scratch;
  for (int32_t image = 0; image < p->images; image++) {
    int32_t row = 0;
    for (int32_t y = 0; y < p->out_h; y++) {
      TG_COMPACT
      for (; row < 2 * y + 4; row++) {
        lay_out(p, input, row - p->pad_top, words + (row & 3));
      }
      const uint32_t *first = words + (2 * y & 3);
      const uint32_t *last = words + ((2 * y + 2) & 3);
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x++) {
        output = square(p, first + 4 * x, last + 4 * x, (const uint32_t *)filter, output);
      }
    }
    input += p->in_h * p->in_w;
  }
}
