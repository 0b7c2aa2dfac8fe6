/* Convolution by 1x1 of 4 to 8 channels for cores that multiply halfwords: a pixel stays in registers (see
 * tg_dsp_points.h). */
#include "tg_kernels.h"

#define TG_POINTS_SCALES 0
typedef tg_pointwise_dsp_s8_params tg_points_params;

#include "tg_dsp_points.h"

TG_SMALL
void tg_pointwise_dsp_s8(const tg_pointwise_dsp_s8_params *p, const int8_t *input, const int32_t *filter,
                         int8_t *output) {
  tg_points_convolve(p, input, filter, output);
}
