/* Function of one int16 element: a straight line between the two of the table's 513 entries around it, rounded, halves
 * upwards. Input and output may be the same buffer. */
#include "tg_kernels.h"

void tg_lookup_s16(const tg_lookup_s16_params *restrict p, const tg_i16 *input, const tg_i16 *table, tg_i16 *output) {
  for (uint32_t i = 0; i < p->count; i++) {
    const int32_t place = input[i] - INT16_MIN;
    const tg_i16 *piece = table + (place >> 7);
    const int32_t rise = piece[1] - piece[0];
    output[i] = (int16_t)(piece[0] + ((rise * (place & 127) + 64) >> 7));
  }
}
