/* SVDF layer as LiteRT computes it: each filter is a feature of the input, and weights of its last values.
 *
 * input [rows][depth], features [units * rank][depth]; state and after [rows][units * rank][memory], oldest first;
 * times [units * rank][memory], bias [units], output [rows][units]. Sums wrap. */
#include "tg_kernels.h"
#include "tg_tflite.h"

#define TG_STATE tg_i16
#define TG_STATE_MIN INT16_MIN
#define TG_STATE_MAX INT16_MAX

void tg_svdf_s8(const tg_svdf_s8_params *p, const int8_t *input, const TG_STATE *state, const int8_t *features,
                const TG_STATE *times, const tg_i32 *bias, TG_STATE *after, int8_t *output) {
  const int32_t last = p->memory - 1;
  const int32_t state_offset = p->state_offset;
  for (int32_t row = 0; row < p->rows; row++) {
    const int8_t *f = features;
    const TG_STATE *t = times;
    for (int32_t unit = 0; unit < p->units; unit++) {
      uint32_t total = (uint32_t)bias[unit];
      for (int32_t rank = 0; rank < p->rank; rank++) {
        uint32_t sum = 0;
        for (int32_t i = 0; i < p->depth; i++) {
          sum += (uint32_t)(*f++ * (input[i] - p->in_offset));
        }
        const int32_t feature = tg_scaled_twice((int32_t)sum, p->multiplier, p->shift);
        for (int32_t i = 0; i < last; i++) {
          after[i] = state[i + 1];
        }
        after[last] = (TG_STATE)(tg_max(tg_min(feature, TG_STATE_MAX), TG_STATE_MIN) + state_offset);
        for (int32_t i = 0; i <= last; i++) {
          total += (uint32_t)(*t++ * (after[i] - state_offset));
        }
        state += p->memory;
        after += p->memory;
      }
      const int32_t result = tg_scaled_twice((int32_t)total, p->out_multiplier, p->out_shift);
      *output++ = tg_offset_s8(result, p->out_offset, INT8_MIN, INT8_MAX);
    }
    input += p->depth;
  }
}

#undef TG_STATE
#undef TG_STATE_MIN
#undef TG_STATE_MAX
