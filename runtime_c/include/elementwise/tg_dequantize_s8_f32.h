/* tg_dequantize_s8_f32: int8 to float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_DEQUANTIZE_S8_F32_H
#define TG_DEQUANTIZE_S8_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  float scale; /* real number that a step of the integer stands for */
  int8_t offset; /* integer that stands for 0 */
} tg_dequantize_s8_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * output: written, float[count]
 * No two arguments overlap.
 */
void tg_dequantize_s8_f32(const tg_dequantize_s8_f32_params *p, const int8_t *input, tg_f32 *output);

#endif
