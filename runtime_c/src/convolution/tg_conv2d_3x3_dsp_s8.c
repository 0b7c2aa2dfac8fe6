/* 2-D convolution of four channels by windows of 3x3, stride 1, for cores that multiply two halfwords: 2x2 pixels and
 * two output channels a step (see tg_dsp_3x3.h); with pool, the maximum of each 2x2 block. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_3X3_SCALES 0
typedef tg_conv2d_3x3_dsp_s8_params tg_3x3_params;

#include "tg_dsp_3x3.h"

TG_SMALL
void tg_conv2d_3x3_dsp_s8(const tg_conv2d_3x3_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                          int8_t *output, tg_i32 *scratch) {
  tg_3x3_convolve(p, input, filter, output, scratch);
}
