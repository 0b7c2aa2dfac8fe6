/* Fully connected layer for cores with vectors of 16 int8: four units at once. Input [rows][depth]; weights [units][depth];
 * the input's offset is folded into the bias.
 *
 * output = clamp(requantize(bias + sum of input * (weights - weights_offset))). */
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_mve.h"

void tg_fully_connected_mve_s8(const tg_fully_connected_mve_s8_params *p, const int8_t *input, const int8_t *weights,
                               const tg_i32 *bias, int8_t *output) {
  const int32_t depth = (int32_t)p->depth;
  const int32_t units = p->units;
  const int32_t act_min = p->act_min;
  const int32_t act_max = p->act_max;
  const tg_requant out = p->out;
  for (int32_t row = 0; row < p->rows; row++) {
    const uint32_t begin = p->weights_offset ? (uint32_t)-p->weights_offset * tg_mve_sum(input, depth) : 0;
    const tg_mve_sums none = {begin, begin, begin, begin};
    for (int32_t unit = 0; unit < units; unit += 4) {
      const int32_t count = units - unit < 4 ? units - unit : 4;
      const tg_mve_filters filters = tg_mve_filters_at(weights + unit * depth, depth, count);
      const tg_mve_sums sums = tg_mve_dot(input, filters, depth, none);
      const uint32_t products[4] = {sums.first, sums.second, sums.third, sums.fourth};
      for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (int32_t)(products[i] + (uint32_t)bias[unit + i]);
        *output++ = tg_clamp_s8(tg_epilogue_glow(sum, &out), act_min, act_max);
      }
    }
    input += depth;
  }
}
