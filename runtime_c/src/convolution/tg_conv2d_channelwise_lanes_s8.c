/* 2-D convolution as tg_conv2d_lanes_s8, with a scale for each output channel: four pixels at once, two products a
 * multiplication (see tg_lanes.h); with pool, the maximum of each 2x2 block. No groups, no dilation. */
#include "tg_kernels.h"

#define TG_LANES_SCALES 1
typedef tg_conv2d_channelwise_lanes_s8_params tg_lanes_params;

#include "tg_lanes_tiles.h"

void tg_conv2d_channelwise_lanes_s8(const tg_conv2d_channelwise_lanes_s8_params *p, const int8_t *input,
                                    const int8_t *filter, const int32_t *bias, int8_t *output, int32_t *scratch) {
  tg_lanes_convolve(p, input, filter, bias, output, scratch);
}
