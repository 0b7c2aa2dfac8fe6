/* tg_tanh_tflite_s16: tanh in int16, as LiteRT computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_TANH_TFLITE_S16_H
#define TG_TANH_TFLITE_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  uint8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_tanh_tflite_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * table: read, uint16_t
 * output: written, int16_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_tanh_tflite_s16(const tg_tanh_tflite_s16_params *p, const tg_i16 *input, const tg_u16 *table, tg_i16 *output);

#endif
