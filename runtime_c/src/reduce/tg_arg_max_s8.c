/* The place of the largest or smallest element along a dimension. An index is an int32, or with wide an int64 of
 * which only 4-byte alignment is known: its lower word, then its upper one, which is 0.
 *
 * TG_ELEMENT: the type of elements. */
#include "tg_kernels.h"

#define TG_ELEMENT int8_t

void tg_arg_max_s8(const tg_arg_max_s8_params *p, const TG_ELEMENT *input, tg_i32 *output) {
  const uint32_t inner = p->inner;
  for (uint32_t i = 0; i < p->outer; i++) {
    for (uint32_t j = 0; j < inner; j++) {
      const TG_ELEMENT *in = input + j;
      TG_ELEMENT best = *in;
      uint32_t index = 0;
      for (uint32_t k = 1; k < p->length; k++) {
        const TG_ELEMENT x = in[k * inner];
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

#undef TG_ELEMENT
