/* The maxima of 2x2 blocks as tg_conv2d_3x3_pool_dsp_s8, with a scale for each output channel (see tg_dsp_3x3_pool.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_FIRST_SCALES 1
typedef tg_conv2d_3x3_pool_channelwise_dsp_s8_params tg_first_params;

#include "tg_dsp_3x3_pool.h"

TG_SMALL
void tg_conv2d_3x3_pool_channelwise_dsp_s8(const tg_conv2d_3x3_pool_channelwise_dsp_s8_params *p, const int8_t *input,
                                          const tg_i32 *filter, int8_t *output, tg_i32 *scratch) {
  tg_first_convolve(p, input, filter, output, scratch);
}
