/* Depthwise convolution by windows of 3x3, stride 1, for cores that multiply halfwords: blocks of 2x2 outputs (see
 * tg_dsp_depthwise_block.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_DEPTHWISE_BLOCK_SCALES 0
typedef tg_depthwise_3x3_block_dsp_s8_params tg_depthwise_block_params;

#include "tg_dsp_depthwise_block.h"

TG_SMALL
void tg_depthwise_3x3_block_dsp_s8(const tg_depthwise_3x3_block_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                               int8_t *output, tg_i32 *scratch) {
  tg_depthwise_block_convolve(p, input, filter, output, scratch);
}
