/* tg_depthwise_3x3_dsp_s8: depthwise convolution with windows of 3x3, four channels at once, with stride 2 blocks of 2x2 outputs.
 *
 * Generated from the kernel's declaration; do not edit.
 * Needs the DSP extension to be fast; computes the same in portable C elsewhere. */
#ifndef TG_DEPTHWISE_3X3_DSP_S8_H
#define TG_DEPTHWISE_3X3_DSP_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t in_h; /* rows of the input */
  uint16_t in_w; /* columns of the input */
  uint16_t in_c; /* channels of the input */
  uint16_t out_h; /* rows of the output */
  uint16_t out_w; /* columns of the output */
  uint8_t stride_h; /* rows from one window to the next */
  uint8_t stride_w; /* columns from one window to the next */
  uint8_t pad_top; /* rows of padding above the input */
  uint8_t pad_left; /* columns of padding to the left of the input */
  uint16_t images; /* images, one after the other */
  int16_t in_offset; /* integer that stands for 0 in the input */
  int8_t act_min; /* least output: the activation's, or that of its type */
  int8_t act_max; /* largest output: the activation's, or that of its type */
  int16_t filter_offset; /* is subtracted from each byte of the filter */
  tg_requant out; /* scales a result to the output, and adds the output's offset */
} tg_depthwise_3x3_dsp_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[images * in_h * in_w * in_c]
 * filter: read, int32_t
 * output: written, int8_t
 * scratch: working memory; the network's source says how much. What it holds before and after a call means nothing
 * output may overlap input as far as the compiler's plan has it: no input is overwritten before it was read for the
 * last time. Nothing else overlaps.
 */
void tg_depthwise_3x3_dsp_s8(const tg_depthwise_3x3_dsp_s8_params *p, const int8_t *input, const tg_i32 *filter,
                             int8_t *output, tg_i32 *scratch);

#endif
