/* int8 as int16 of another scale, as LiteRT's reference kernels round it. TG_INPUT, TG_OUTPUT: other integers, too. */
#include "tg_kernels.h"
#include "tg_tflite.h"

#define TG_INPUT int8_t
#define TG_OUTPUT tg_i16
#define TG_PLUS tg_offset_s16
#define TG_LEAST INT16_MIN
#define TG_MOST INT16_MAX

void tg_rescale_tflite_widen_s16(const tg_rescale_tflite_widen_s16_params *p, const TG_INPUT *input,
                                 TG_OUTPUT *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t scaled = tg_scaled_twice(input[i] - p->in_offset, p->multiplier, p->shift);
    output[i] = TG_PLUS(scaled, p->out_offset, TG_LEAST, TG_MOST);
  }
}

#undef TG_INPUT
#undef TG_OUTPUT
#undef TG_PLUS
#undef TG_LEAST
#undef TG_MOST
