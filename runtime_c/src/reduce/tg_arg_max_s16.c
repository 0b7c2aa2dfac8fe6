/* The place of the largest or smallest element along a dimension, in int16. An index is an int32, or with wide
 * an int64 of which only 4-byte alignment is known: its lower word, then its upper one, which is 0. */
#include "tg_kernels.h"

void tg_arg_max_s16(const tg_arg_max_s16_params *restrict p, const tg_i16 *input, tg_i32 *output) {
  const uint32_t inner = p->inner;
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < inner; j++) {
      const tg_i16 *in = input + j;
      int16_t best = *in;
      uint32_t index = 0;
      for (uint32_t k = 1; k < p->length; k++) {
        const int16_t x = in[k * inner];
        if ((p->smallest ? x < best : x > best) || (p->last && x == best)) {
          best = x;
          index = k;
        }
      }
      *output++ = (int32_t)index;
      if (p->wide) {
        *output++ = 0;
      }
    }
    input += p->length * inner;
  }
}
