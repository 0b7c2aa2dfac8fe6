/* Matrix products in single precision: output[b] = lhs[b] * rhs[b]; lhs [batch][rows][depth], rhs [batch][depth][columns].
 *
 * output = 0 + lhs * rhs + lhs * rhs ..., one product after the other. */
#include "tg_float.h"
#include "tg_kernels.h"

void tg_matmul_f32(const tg_matmul_f32_params *restrict p, const tg_f32 *lhs, const tg_f32 *rhs, tg_f32 *output) {
  const uint32_t columns = p->columns;
  for (uint32_t batch = 0; batch < p->batch; batch++) {
    for (uint32_t row = 0; row < p->rows; row++) {
      for (uint32_t column = 0; column < columns; column++) {
        const tg_f32 *y = rhs + column;
        float sum = 0.0f;
        for (uint32_t i = 0; i < p->depth; i++) {
          sum += lhs[i] * y[i * columns];
        }
        *output++ = tg_one_nan_f32(sum);
      }
      lhs += p->depth;
    }
    rhs += p->depth * columns;
  }
}
