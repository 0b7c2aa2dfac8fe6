/* tg_copy_s8: copy of bytes.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_COPY_S8_H
#define TG_COPY_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_copy_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * output: written, int8_t[count]
 * No two arguments overlap.
 */
void tg_copy_s8(const tg_copy_s8_params *p, const int8_t *input, int8_t *output);

#endif
