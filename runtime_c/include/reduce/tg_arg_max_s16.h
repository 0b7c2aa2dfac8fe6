/* tg_arg_max_s16: place of the largest or smallest element, in int16.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_ARG_MAX_S16_H
#define TG_ARG_MAX_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint32_t outer; /* count of the outermost loop */
  uint32_t length; /* elements, or runs of bytes, among which one is looked for */
  uint32_t inner; /* count of the innermost loop */
  uint8_t smallest; /* 1: the smallest is looked for; 0: the largest */
  uint8_t last; /* 1: of equal elements the last one counts; 0: the first one */
  uint8_t wide; /* 1: an index is an int64, in two words; 0: an int32 */
} tg_arg_max_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[outer * length * inner]
 * output: written, int32_t
 * No two arguments overlap.
 */
void tg_arg_max_s16(const tg_arg_max_s16_params *p, const tg_i16 *input, tg_i32 *output);

#endif
