/* 2-D convolution of int16 by int8 whose sums may leave 32 bits, as tg_convolve_s16.h has it; bias: two words each. The
 * compiler proves that no sum leaves 47 bits. */
#include "tg_kernels.h"
#include "tg_wide.h"

typedef int64_t tg_sum;
typedef tg_conv2d_wide_s16_params tg_conv_params;
#define TG_DOT tg_dot_wide_s16
#define TG_BIAS(words) tg_int64_of(words)
#define TG_BIAS_WORDS 2

#include "tg_convolve_s16.h"

void tg_conv2d_wide_s16(const tg_conv2d_wide_s16_params *restrict p, const tg_i16 *input, const int8_t *filter, const tg_i32 *bias,
                        const tg_i32 *channels, tg_i16 *output) {
  tg_convolve_s16(p, input, filter, bias, channels, output);
}
