/* tg_softmax_tflite_s16: softmax of rows in int16, as LiteRT computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SOFTMAX_TFLITE_S16_H
#define TG_SOFTMAX_TFLITE_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t columns; /* columns */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
} tg_softmax_tflite_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[rows * columns]
 * powers: read, int16_t
 * inverses: read, int16_t
 * output: written, int16_t[rows * columns]
 * output may be input itself. Nothing else overlaps.
 */
void tg_softmax_tflite_s16(const tg_softmax_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *powers,
                           const tg_i16 *inverses, tg_i16 *output);

#endif
