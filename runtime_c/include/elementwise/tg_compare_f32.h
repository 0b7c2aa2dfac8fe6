/* tg_compare_f32: whether elements are equal, unequal, less, or not greater than others, in float.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_COMPARE_F32_H
#define TG_COMPARE_F32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  uint8_t relation; /* which comparison: 0: equal; 1: not equal; 2: less; 3: less or equal */
} tg_compare_f32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, float[count]
 * other: read, float
 * output: written, int8_t[count]
 * No two arguments overlap.
 */
void tg_compare_f32(const tg_compare_f32_params *p, const tg_f32 *input, const tg_f32 *other, int8_t *output);

#endif
