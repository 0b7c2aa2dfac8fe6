/* Matrix products: output[b] = lhs[b] * rhs[b]; lhs [batch][rows][depth], rhs [batch][depth][columns].
 *
 * output = saturate(requantize(sum of (lhs - lhs_offset) * (rhs - rhs_offset))). The compiler proves that no sum leaves 32
 * bits. */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"

void tg_matmul_s8(const tg_matmul_s8_params *p, const int8_t *lhs, const int8_t *rhs, int8_t *output) {
  const uint32_t columns = p->columns;
  const int32_t lhs_offset = p->lhs_offset;
  const int32_t rhs_offset = p->rhs_offset;
  for (uint32_t batch = 0; batch < p->batch; batch++) {
    for (uint32_t row = 0; row < p->rows; row++) {
      for (uint32_t column = 0; column < columns; column++) {
        const int8_t *y = rhs + column;
        int32_t sum = 0;
        for (uint32_t i = 0; i < p->depth; i++) {
          sum += (lhs[i] - lhs_offset) * (y[i * columns] - rhs_offset);
        }
        *output++ = tg_clamp_s8(tg_epilogue_glow(sum, &p->out), INT8_MIN, INT8_MAX);
      }
      lhs += p->depth;
    }
    rhs += p->depth * columns;
  }
}
