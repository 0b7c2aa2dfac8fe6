/* 2-D convolution as tg_conv2d_dsp_s8, with a scale for each output channel, which is the upper half of a product (see
 * tg_dsp_channels.h); with pool, the maximum of each 2x2 block. No groups, no dilation, the activation is not leaky. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DSP_SCALES 1
typedef tg_conv2d_channelwise_high_dsp_s8_params tg_dsp_params;

#include "tg_dsp_channels.h"

TG_SMALL
void tg_conv2d_channelwise_high_dsp_s8(const tg_conv2d_channelwise_high_dsp_s8_params *p, const int8_t *input,
                                       const int8_t *filter, const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_dsp_convolve(p, input, filter, bias, output, scratch);
}
