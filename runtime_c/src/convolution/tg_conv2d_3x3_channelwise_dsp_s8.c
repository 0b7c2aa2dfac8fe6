/* 2-D convolution as tg_conv2d_3x3_dsp_s8, with a scale for each output channel (see tg_dsp_3x3.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_3X3_SCALES 1
typedef tg_conv2d_3x3_channelwise_dsp_s8_params tg_3x3_params;

#include "tg_dsp_3x3.h"

TG_SMALL
void tg_conv2d_3x3_channelwise_dsp_s8(const tg_conv2d_3x3_channelwise_dsp_s8_params *p, const int8_t *input,
                                      const tg_i32 *filter, int8_t *output, tg_i32 *scratch) {
  tg_3x3_convolve(p, input, filter, output, scratch);
}
