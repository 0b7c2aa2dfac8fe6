/* tg_quantize_f32_s8: float to int8.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_QUANTIZE_F32_S8_H
#define TG_QUANTIZE_F32_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  float scale; /* real number that a step of the integer stands for */
  int8_t offset; /* integer that stands for 0 */
} tg_quantize_f32_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * output: written, int8_t[count]
 * No two arguments overlap.
 */
void tg_quantize_f32_s8(const tg_quantize_f32_s8_params *p, const tg_f32 *input, int8_t *output);

#endif
