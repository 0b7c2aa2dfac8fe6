/* tg_lookup_s16: function of one element, by table and interpolation, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LOOKUP_S16_H
#define TG_LOOKUP_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t count; /* elements */
} tg_lookup_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[count]
 * table: read, int16_t
 * output: written, int16_t[count]
 * output may be input itself. Nothing else overlaps.
 */
void tg_lookup_s16(const tg_lookup_s16_params *p, const tg_i16 *input, const tg_i16 *table, tg_i16 *output);

#endif
