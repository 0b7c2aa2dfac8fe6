/* tg_quantize_steps_f32_s16: float to int16, ties away from zero.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_QUANTIZE_STEPS_F32_S16_H
#define TG_QUANTIZE_STEPS_F32_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  float scale; /* real number that a step of the integer stands for */
} tg_quantize_steps_f32_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * output: written, int16_t[count]
 * No two arguments overlap.
 */
void tg_quantize_steps_f32_s16(const tg_quantize_steps_f32_s16_params *p, const tg_f32 *input, tg_i16 *output);

#endif
