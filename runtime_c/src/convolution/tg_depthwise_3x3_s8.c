/* Depthwise convolution (one filter of 3x3 a channel), stride 1 along rows, channel by channel (see tg_depthwise_3x3.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DEPTHWISE_3X3_SCALES 0
typedef tg_depthwise_3x3_s8_params tg_depthwise_3x3_params;

#include "tg_depthwise_3x3.h"

void tg_depthwise_3x3_s8(const tg_depthwise_3x3_s8_params *p, const int8_t *input, const int8_t *filter,
                         const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  tg_depthwise_3x3_convolve(p, input, filter, bias, output, scratch);
}
