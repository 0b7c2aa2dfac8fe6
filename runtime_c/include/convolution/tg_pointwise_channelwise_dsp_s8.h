/* tg_pointwise_channelwise_dsp_s8: 2-D convolution of 1x1 over 4 to 8 channels; a scale for each output channel.
 *
 * Generated from the kernel's declaration; do not edit.
 * Needs the DSP extension to be fast; computes the same in portable C elsewhere. */
#ifndef TG_POINTWISE_CHANNELWISE_DSP_S8_H
#define TG_POINTWISE_CHANNELWISE_DSP_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  int32_t pixels; /* pixels of all images together */
  uint16_t in_c; /* channels of the input */
  uint16_t out_c; /* channels of the output */
  int8_t act_min; /* least output: the activation's, or that of its type */
  int8_t act_max; /* largest output: the activation's, or that of its type */
  int16_t out_offset; /* integer that stands for 0 in the output */
} tg_pointwise_channelwise_dsp_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[pixels * in_c]
 * filter: read, int32_t
 * output: written, int8_t[pixels * out_c]
 * output may overlap input as far as the compiler's plan has it: no input is overwritten before it was read for the
 * last time. Nothing else overlaps.
 */
void tg_pointwise_channelwise_dsp_s8(const tg_pointwise_channelwise_dsp_s8_params *p, const int8_t *input,
                                     const tg_i32 *filter, int8_t *output);

#endif
