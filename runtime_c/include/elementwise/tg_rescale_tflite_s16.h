/* tg_rescale_tflite_s16: change of scale, with bounds and a slope for negative values, in int16, rounded as LiteRT does.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_RESCALE_TFLITE_S16_H
#define TG_RESCALE_TFLITE_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int32_t below_multiplier; /* multiplies the product of a negative value and its slope; below_shift comes after it */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int8_t below_shift; /* power of two by which that product is scaled */
  int16_t low; /* least value */
  int16_t high; /* largest value */
} tg_rescale_tflite_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * output: written, int16_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_rescale_tflite_s16(const tg_rescale_tflite_s16_params *p, const tg_i16 *input, tg_i16 *output);

#endif
