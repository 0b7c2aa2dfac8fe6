/* tg_fill_s8: one value in every byte.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_FILL_S8_H
#define TG_FILL_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  int8_t value; /* what each byte becomes */
} tg_fill_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * output: written, int8_t[count]
 * No two arguments overlap.
 */
void tg_fill_s8(const tg_fill_s8_params *p, int8_t *output);

#endif
