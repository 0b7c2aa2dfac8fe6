/* Convolution by 1x1 as tg_pointwise_dsp_s8, with a scale for each output channel (see tg_dsp_pointwise.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_POINTWISE_SCALES 1
typedef tg_pointwise_channelwise_dsp_s8_params tg_pointwise_params;

#include "tg_dsp_pointwise.h"

TG_SMALL
void tg_pointwise_channelwise_dsp_s8(const tg_pointwise_channelwise_dsp_s8_params *p, const int8_t *input,
                                     const tg_i32 *filter, int8_t *output) {
  tg_pointwise_convolve(p, input, filter, output);
}
