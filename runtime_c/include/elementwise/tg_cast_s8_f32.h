/* tg_cast_s8_f32: truth values to float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_CAST_S8_F32_H
#define TG_CAST_S8_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_cast_s8_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * output: written, float[count]
 * No two arguments overlap.
 */
void tg_cast_s8_f32(const tg_cast_s8_f32_params *p, const int8_t *input, tg_f32 *output);

#endif
