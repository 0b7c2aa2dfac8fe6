/* tg_rescale_tflite_widen_s16_s32: int16 as int32 of another scale, rounded as LiteRT does.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESCALE_TFLITE_WIDEN_S16_S32_H
#define TG_RESCALE_TFLITE_WIDEN_S16_S32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t in_offset; /* integer that stands for 0 in the input */
  int8_t out_offset; /* integer that stands for 0 in the output */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int32_t multiplier; /* multiplies a result; shift comes after it */
} tg_rescale_tflite_widen_s16_s32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * output: written, int32_t[count]
 * No two arguments overlap.
 */
void tg_rescale_tflite_widen_s16_s32(const tg_rescale_tflite_widen_s16_s32_params *p, const tg_i16 *input,
                                     tg_i32 *output);

#endif
