/* tg_cast_s32_f32: int32 to float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_CAST_S32_F32_H
#define TG_CAST_S32_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_cast_s32_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int32_t[count]
 * output: written, float[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_cast_s32_f32(const tg_cast_s32_f32_params *p, const tg_i32 *input, tg_f32 *output);

#endif
