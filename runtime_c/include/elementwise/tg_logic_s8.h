/* tg_logic_s8: and, or, not of truth values.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LOGIC_S8_H
#define TG_LOGIC_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
  uint8_t operation; /* which operation on truth values */
} tg_logic_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * other: read, int8_t
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_logic_s8(const tg_logic_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output);

#endif
