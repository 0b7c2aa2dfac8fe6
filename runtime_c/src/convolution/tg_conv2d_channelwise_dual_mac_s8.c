/* 2-D convolution as tg_conv2d_dual_mac_s8, with a scale for each output channel: four pixels at once, two products a
 * multiplication (see tg_dual_mac.h); with pool, the maximum of each 2x2 block. No groups, no dilation. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DUAL_MAC_SCALES 1
typedef tg_conv2d_channelwise_dual_mac_s8_params tg_dual_mac_params;

#include "tg_dual_mac_tiles.h"

void tg_conv2d_channelwise_dual_mac_s8(const tg_conv2d_channelwise_dual_mac_s8_params *p, const int8_t *input,
                                    const int8_t *filter, const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_dual_mac_convolve(p, input, filter, bias, output, scratch);
}
