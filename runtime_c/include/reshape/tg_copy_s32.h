/* tg_copy_s32: copy of words, upward: the output may begin before the input.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_COPY_S32_H
#define TG_COPY_S32_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_copy_s32_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int32_t[count]
 * output: written, int32_t[count]
 * output may overlap input as far as the compiler's plan has it: no input is overwritten before it was read for the
 * last time. Nothing else overlaps.
 */
void tg_copy_s32(const tg_copy_s32_params *p, const tg_i32 *input, tg_i32 *output);

#endif
