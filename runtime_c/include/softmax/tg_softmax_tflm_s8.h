/* tg_softmax_tflm_s8: softmax of rows, as CMSIS-NN computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SOFTMAX_TFLM_S8_H
#define TG_SOFTMAX_TFLM_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t rows; /* rows */
  uint32_t columns; /* columns */
} tg_softmax_tflm_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * columns]
 * table: read, int32_t
 * output: written, int8_t[rows * columns]
 * output may be input itself. Nothing else overlaps.
 */
void tg_softmax_tflm_s8(const tg_softmax_tflm_s8_params *p, const int8_t *input, const tg_i32 *table, int8_t *output);

#endif
