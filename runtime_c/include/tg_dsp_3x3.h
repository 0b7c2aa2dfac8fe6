/* Blocks of 2x2 outputs of a 3x3 window over four channels in C, for tg_conv2d_3x3_dsp_s8. */
#ifndef TG_DSP_3X3_H
#define TG_DSP_3X3_H

#include <stdint.h>

#include "tg_dsp.h"

/* sums: of the upper left, upper right, lower left and lower right pixel, which begin with a bias. columns: the first word
 * of the block's window, of which each word's four rows lie side by side, two words a column; filter: the first weights of
 * one channel, between those of another. */
static TG_APART void tg_dsp_3x3_block(const tg_u32 *columns, const tg_u32 *filter, uint32_t bias, tg_i32 *sums) {
  uint32_t upper_left = bias;
  uint32_t upper_right = bias;
  uint32_t lower_left = bias;
  uint32_t lower_right = bias;
  TG_COMPACT
  for (int32_t i = 6; i > 0; i--) {
    const uint32_t w0 = filter[0];
    const uint32_t w1 = filter[2];
    const uint32_t w2 = filter[4];
    uint32_t left = columns[0];
    uint32_t right = columns[8];
    upper_left = tg_dot2(left, w0, upper_left);
    upper_right = tg_dot2(right, w0, upper_right);
    left = columns[1];
    right = columns[8 + 1];
    upper_left = tg_dot2(left, w1, upper_left);
    upper_right = tg_dot2(right, w1, upper_right);
    lower_left = tg_dot2(left, w0, lower_left);
    lower_right = tg_dot2(right, w0, lower_right);
    left = columns[2];
    right = columns[8 + 2];
    upper_left = tg_dot2(left, w2, upper_left);
    upper_right = tg_dot2(right, w2, upper_right);
    lower_left = tg_dot2(left, w1, lower_left);
    lower_right = tg_dot2(right, w1, lower_right);
    lower_left = tg_dot2(columns[3], w2, lower_left);
    lower_right = tg_dot2(columns[8 + 3], w2, lower_right);
    columns += 4;
    filter += 6;
  }
  sums[0] = (int32_t)upper_left;
  sums[1] = (int32_t)upper_right;
  sums[2] = (int32_t)lower_left;
  sums[3] = (int32_t)lower_right;
}

#endif
