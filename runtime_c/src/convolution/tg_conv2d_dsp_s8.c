/* 2-D convolution for cores that multiply two halfwords: four pixels and two channels a step (see
 * tg_dsp_channels.h); with pool, the maximum of each 2x2 block. No groups, no dilation. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DSP_SCALES 0
typedef tg_conv2d_dsp_s8_params tg_dsp_params;

#include "tg_dsp_channels.h"

TG_SMALL
void tg_conv2d_dsp_s8(const tg_conv2d_dsp_s8_params *p, const int8_t *input, const int8_t *filter,
                      const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_dsp_convolve(p, input, filter, bias, output, scratch);
}
