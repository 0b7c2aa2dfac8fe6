/* tg_cast_f32_s32: float to int32, towards zero.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_CAST_F32_S32_H
#define TG_CAST_F32_S32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_cast_f32_s32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * output: written, int32_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_cast_f32_s32(const tg_cast_f32_s32_params *p, const tg_f32 *input, tg_i32 *output);

#endif
