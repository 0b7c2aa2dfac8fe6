/* Softmax of rows in int16 as LiteRT computes it. powers: e^x from -10 to 0; inverses: 1 / (1 + x) from 0 to 1. */
#include "tg_kernels.h"
#include "tg_tflite.h"
#include "tg_wide.h"

/* Between two of the 513 entries of a table of pieces of 128 inputs. */
static int32_t tg_softmax_tflite_s16_between(int32_t x, const tg_i16 *table) {
  const uint32_t place = (uint32_t)(tg_clamp_s16(x, INT16_MIN, INT16_MAX) - INT16_MIN);
  const int32_t low = table[place >> 7];
  return low + (((table[(place >> 7) + 1] - low) * (int32_t)(place & 127) + 64) >> 7);
}

void tg_softmax_tflite_s16(const tg_softmax_tflite_s16_params *p, const tg_i16 *input, const tg_i16 *powers,
                           const tg_i16 *inverses, tg_i16 *output) {
  for (uint32_t row = 0; row < p->rows; row++) {
    int32_t largest = INT16_MIN;
    for (uint32_t i = 0; i < p->columns; i++) {
      largest = tg_max(largest, input[i]);
    }
    int32_t total = 0;
    for (uint32_t i = 0; i < p->columns; i++) {
      const int32_t distance = tg_scaled_twice(input[i] - largest, p->multiplier, p->shift);
      const int32_t power = tg_softmax_tflite_s16_between(tg_max(distance, -(1 << 20)) + 32767, powers);
      output[i] = (int16_t)power;
      total += power;
    }
    int32_t right = 0;
    for (int32_t rest = total >> 1; rest; rest >>= 1) {
      right++;
    }
    const int32_t shifted = (int32_t)((((int64_t)total << (30 - right)) + (1 << 13)) >> 14);
    const int32_t inverse = tg_softmax_tflite_s16_between(shifted - (1 << 15) - (1 << 16), inverses);
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    for (uint32_t i = 0; i < p->columns; i++) {
      output[i] = tg_clamp_s16((output[i] * inverse + half) >> right, 0, INT16_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}
