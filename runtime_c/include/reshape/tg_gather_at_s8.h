/* tg_gather_at_s8: copy of runs of bytes from places that are computed at run time.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_GATHER_AT_S8_H
#define TG_GATHER_AT_S8_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t blocks; /* blocks to read from */
  uint32_t length; /* elements, or runs of bytes, among which one is looked for */
  uint32_t run; /* bytes that are copied together */
  uint32_t count; /* elements */
} tg_gather_at_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[blocks * length * run]
 * indices: read, int32_t
 * output: written, int8_t[blocks * count * run]
 * No two arguments overlap.
 */
void tg_gather_at_s8(const tg_gather_at_s8_params *p, const int8_t *input, const tg_i32 *indices, int8_t *output);

#endif
