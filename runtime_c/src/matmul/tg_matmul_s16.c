/* Matrix products in int16: lhs [batch][rows][depth] times rhs [batch][depth][columns], sums of 64 bits.
 *
 * output = saturate(scaled(sum of lhs * rhs)). The compiler proves that no sum leaves 47 bits. */
#include "tg_kernels.h"
#include "tg_wide.h"

void tg_matmul_s16(const tg_matmul_s16_params *restrict p, const tg_i16 *lhs, const tg_i16 *rhs, tg_i16 *output) {
  for (int32_t batch = 0; batch < p->batch; batch++) {
    for (int32_t row = 0; row < p->rows; row++) {
      for (int32_t column = 0; column < p->columns; column++) {
        const tg_i16 *y = rhs + column;
        int64_t sum = 0;
        for (uint32_t i = 0; i < p->depth; i++) {
          sum += lhs[i] * *y;
          y += p->columns;
        }
        *output++ = tg_clamp_s16(tg_scaled(sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
      }
      lhs += p->depth;
    }
    rhs += p->depth * p->columns;
  }
}
