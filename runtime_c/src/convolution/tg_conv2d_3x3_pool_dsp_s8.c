/* The maxima of 2x2 blocks of a 3x3 convolution of one channel, stride 1: what many networks of images begin with (see
 * tg_dsp_3x3_pool.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_FIRST_SCALES 0
typedef tg_conv2d_3x3_pool_dsp_s8_params tg_first_params;

#include "tg_dsp_3x3_pool.h"

TG_SMALL
void tg_conv2d_3x3_pool_dsp_s8(const tg_conv2d_3x3_pool_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                              int8_t *output, tg_i32 *scratch) {
  tg_first_convolve(p, input, filter, output, scratch);
}
