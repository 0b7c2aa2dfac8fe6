/* Quotient of two tensors: saturate(requantize(a / b)), where a and b are the elements without their offsets, or the
 * other way round if is_reversed. ``other`` advances by a stride in each loop. Input and output may be the same buffer.
 *
 * The quotient has fraction_bits bits after the point, and is rounded towards zero. A division by zero gives 0. */
#include "tg_broadcast.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

/* a is at most 255 in magnitude, fraction_bits at most 15. */
static int32_t tg_div_s8_quotient(const tg_div_s8_params *p, int32_t a, int32_t b) {
  return b == 0 ? 0 : tg_max(-p->limit, tg_min(a * ((int32_t)1 << p->fraction_bits) / b, p->limit));
}

void tg_div_s8(const tg_div_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t a = *input++ - p->input_offset;
    const int32_t b = *y - p->other_offset;
    const int32_t x = p->is_reversed ? tg_div_s8_quotient(p, b, a) : tg_div_s8_quotient(p, a, b);
    *output++ = tg_clamp_s8(tg_requantize(x, &p->out), INT8_MIN, INT8_MAX);
  }
}
