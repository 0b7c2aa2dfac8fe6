/* Depthwise convolution as tg_depthwise_3x3_dsp_s8, with a scale for each channel, which is the upper half of a product
 * (see tg_dsp_depthwise.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DEPTHWISE_SCALES 1
typedef tg_depthwise_3x3_channelwise_dsp_s8_params tg_depthwise_params;

#include "tg_dsp_depthwise.h"

TG_SMALL
void tg_depthwise_3x3_channelwise_dsp_s8(const tg_depthwise_3x3_channelwise_dsp_s8_params *p, const int8_t *input,
                                         const tg_i32 *filter, int8_t *output, tg_i32 *scratch) {
  tg_depthwise_convolve(p, input, filter, output, scratch);
}
