/* 2-D convolution of ARMv6-M's kind: four pixels at once, two products a multiplication (see tg_lanes.h); with pool, the
 * maximum of each 2x2 square. No groups, no dilation.
 *
 * The inputs of the four pixels are laid out in scratch; taps outside the image are the input's offset, which stands for
 * 0.0. The offset's part of all products is in the bias, {even, odd} pixels of each channel: see tg_lanes_dot. */
#include "tg_kernels.h"
#include "tg_lanes.h"
#include "tg_numerics.h"

typedef struct {
  int32_t top;
  int32_t left;
} corner;

/* Where the window of a pixel begins; number counts the output's pixels, or the four of its squares. */
static corner corner_of(const tg_conv2d_lanes_s8_params *p, int32_t y, int32_t x) {
  const corner at = {y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left};
  return at;
}

static int32_t tap(const tg_conv2d_lanes_s8_params *p, const int8_t *image, int32_t y, int32_t x, int32_t channel) {
  const int32_t inside = y >= 0 && y < p->in_h && x >= 0 && x < p->in_w;
  return inside ? image[(y * p->in_w + x) * p->in_c + channel] : p->in_offset;
}

/* The inputs of two pixels in every other word from out. */
static void lay_out(const tg_conv2d_lanes_s8_params *p, const int8_t *image, corner a, corner b, uint32_t *out) {
  const int32_t columns = p->in_w - p->kernel_w;
  const int32_t run = p->kernel_w * p->in_c;
  const int32_t inside = a.left >= 0 && a.left <= columns && b.left >= 0 && b.left <= columns;
  for (int32_t row = 0; row < p->kernel_h; row++) {
    const int32_t ya = a.top + row;
    const int32_t yb = b.top + row;
    if (inside && ya >= 0 && ya < p->in_h && yb >= 0 && yb < p->in_h) {
      const int8_t *xa = image + (ya * p->in_w + a.left) * p->in_c;
      const int8_t *xb = image + (yb * p->in_w + b.left) * p->in_c;
      for (int32_t i = 0; i < run; i++) {
        *out = (uint32_t)xa[i] + ((uint32_t)xb[i] << 16);
        out += 2;
      }
      continue;
    }
    for (int32_t column = 0; column < p->kernel_w; column++) {
      for (int32_t channel = 0; channel < p->in_c; channel++) {
        const int32_t low = tap(p, image, ya, a.left + column, channel);
        const int32_t high = tap(p, image, yb, b.left + column, channel);
        *out = (uint32_t)low + ((uint32_t)high << 16);
        out += 2;
      }
    }
  }
}

static int8_t finish(const tg_conv2d_lanes_s8_params *p, int32_t sum) {
  return tg_activate_s8(tg_requantize(sum, &p->out), p->act_min, p->act_max, p->leaky, &p->negative);
}

/* All channels of count pixels, or of the one that is the maximum of four. */
static void channels(const tg_conv2d_lanes_s8_params *p, const uint8_t *filter, const int32_t *bias,
                     const uint32_t *columns, int32_t count, int8_t *output) {
  for (int32_t channel = 0; channel < p->out_c; channel++) {
    int32_t sums[4] = {bias[0], bias[1], bias[0], bias[1]};
    filter = tg_lanes_dot(columns, filter, p->filter_offset, sums);
    bias += 2;
    if (p->pool) {
      sums[0] = tg_max(tg_max(sums[0], sums[1]), tg_max(sums[2], sums[3]));
    }
    for (int32_t i = 0; i < count; i++) {
      output[i * p->out_c] = finish(p, sums[i]);
    }
    output++;
  }
}

static void squares(const tg_conv2d_lanes_s8_params *p, const int8_t *input, const uint8_t *filter, const int32_t *bias,
                    int8_t *output, uint32_t *columns) {
  for (int32_t y = 0; y < p->out_h; y++) {
    for (int32_t x = 0; x < p->out_w; x++) {
      for (int32_t row = 0; row < 2; row++) {
        const corner a = corner_of(p, 2 * y + row, 2 * x);
        const corner b = corner_of(p, 2 * y + row, 2 * x + 1);
        lay_out(p, input, a, b, columns + row);
      }
      channels(p, filter, bias, columns, 1, output);
      output += p->out_c;
    }
  }
}

static void pixels(const tg_conv2d_lanes_s8_params *p, const int8_t *input, const uint8_t *filter, const int32_t *bias,
                   int8_t *output, uint32_t *columns) {
  int32_t y = 0;
  int32_t x = 0;
  for (int32_t left = p->out_h * p->out_w; left > 0; left -= 4) {
    corner corners[4];
    for (int32_t i = 0; i < 4; i++) {
      corners[i] = corner_of(p, y, x);
      if (i < left - 1 && ++x == p->out_w) {
        x = 0;
        y++;
      }
    }
    lay_out(p, input, corners[0], corners[1], columns);
    lay_out(p, input, corners[2], corners[3], columns + 1);
    const int32_t count = tg_min(left, 4);
    channels(p, filter, bias, columns, count, output);
    output += count * p->out_c;
  }
}

void tg_conv2d_lanes_s8(const tg_conv2d_lanes_s8_params *p, const int8_t *input, const int8_t *filter,
                        const int32_t *bias, int8_t *output, int32_t *scratch) {
  const uint8_t *stream = (const uint8_t *)filter;
  uint32_t *columns = (uint32_t *)scratch;
  const int32_t pool = p->pool ? 2 : 1;
  for (int32_t image = 0; image < p->images; image++) {
    if (pool == 2) {
      squares(p, input, stream, bias, output, columns);
    } else {
      pixels(p, input, stream, bias, output, columns);
    }
    input += p->in_h * p->in_w * p->in_c;
    output += p->out_h * p->out_w * p->out_c;
  }
}
