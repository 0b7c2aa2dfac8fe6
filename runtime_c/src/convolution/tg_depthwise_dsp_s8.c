/* Depthwise convolution for cores that multiply halfwords: four channels at once (see tg_dsp_windows.h). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

#define TG_WINDOWS_SCALES 0
typedef tg_depthwise_dsp_s8_params tg_windows_params;

#include "tg_dsp_windows.h"

void tg_depthwise_dsp_s8(const tg_depthwise_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                         int8_t *output) {
  tg_windows_convolve(p, input, filter, output);
}
