/* 2-D convolution as tg_conv2d_code_s8, with a scale for each output channel: its weights are code (see tg_code_rows.h).
 * With pool, the maximum of each 2x2 block. No dilation; the activation is not leaky. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_CODE_SCALES 1
typedef tg_conv2d_channelwise_code_s8_params tg_code_params;

#include "tg_code_rows.h"

void tg_conv2d_channelwise_code_s8(const tg_conv2d_channelwise_code_s8_params *p, const int8_t *input,
                                   tg_code *weights, const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_code_convolve(p, input, weights, bias, output, scratch);
}
