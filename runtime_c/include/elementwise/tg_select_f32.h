/* tg_select_f32: elements of one or another tensor, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_SELECT_F32_H
#define TG_SELECT_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_select_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * other: read, float
 * condition: read, int8_t
 * output: written, float[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_select_f32(const tg_select_f32_params *p, const tg_f32 *input, const tg_f32 *other, const int8_t *condition,
                   tg_f32 *output);

#endif
