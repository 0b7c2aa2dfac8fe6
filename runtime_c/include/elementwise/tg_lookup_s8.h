/* tg_lookup_s8: function of one element, by table.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LOOKUP_S8_H
#define TG_LOOKUP_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_lookup_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[count]
 * table: read, int8_t
 * output: written, int8_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_lookup_s8(const tg_lookup_s8_params *p, const int8_t *input, const int8_t *table, int8_t *output);

#endif
