/* tg_softmax_f32: softmax of rows, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SOFTMAX_F32_H
#define TG_SOFTMAX_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t columns; /* columns */
} tg_softmax_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[rows * columns]
 * output: written, float[rows * columns]
 * output may be input itself. Nothing else overlaps.
 */
void tg_softmax_f32(const tg_softmax_f32_params *p, const tg_f32 *input, tg_f32 *output);

#endif
