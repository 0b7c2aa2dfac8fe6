/* tg_map_elu_f32: x, or e^x - 1 below 0, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_MAP_ELU_F32_H
#define TG_MAP_ELU_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_map_elu_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * output: written, float[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_map_elu_f32(const tg_map_elu_f32_params *p, const tg_f32 *input, tg_f32 *output);

#endif
