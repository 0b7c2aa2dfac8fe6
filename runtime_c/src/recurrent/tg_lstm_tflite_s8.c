/* LSTM in int8 with a cell of int16.
 *
 * input [rows][steps][depth] (time_major: [steps][rows][depth]), output the same with units; hidden and cell [rows][units].
 * weights [4][units][depth] and recurrent [4][units][units] of the gates input, forget, cell and output; bias [2][4][units]
 * of the products with the input and with the hidden state; scales [4][4]: multiplier and shift of both.
 * scratch: the gates of a row. TG_BY_TABLE: functions come from a table of the sigmoid, and products are rounded twice. */
#include "tg_gemmlowp16.h"
#include "tg_kernels.h"
#include "tg_sigmoid_table.h"
#include "tg_wide.h"

#define TG_BY_TABLE 0

#if TG_BY_TABLE
static int32_t tg_lstm_tflite_s8_argument(int32_t x, int32_t bits) {
  return bits < 3 ? tg_sigmoid_argument(x, 3, 3 - bits) : tg_sigmoid_argument(x, 3 * ((int32_t)1 << (bits - 3)), 0);
}
#define TG_SIGMOID(x, bits) tg_sigmoid_s16(tg_lstm_tflite_s8_argument(x, bits), table)
#define TG_TANH(x, bits) tg_tanh_s16(tg_lstm_tflite_s8_argument(x, bits), table)
#define TG_PRODUCT(x, shift) tg_scaled_twice(x, (int32_t)1 << 30, 1 - (shift))
#else
#define TG_SIGMOID(x, bits) tg_logistic16(x, bits)
#define TG_TANH(x, bits) tg_tanh16(x, bits)
#define TG_PRODUCT(x, shift) tg_divide_by_power(x, shift)
#endif

/* The sum of products with one row of weights, scaled. */
static int32_t tg_lstm_tflite_s8_scaled(int32_t bias, const int8_t *x, const int8_t *weights, int32_t count,
                                        const tg_i32 *scale) {
  uint32_t sum = (uint32_t)bias;
  for (int32_t i = 0; i < count; i++) {
    sum += (uint32_t)(x[i] * weights[i]);
  }
  const int32_t result = tg_scaled_twice((int32_t)sum, scale[0], scale[1]);
  return tg_max(tg_min(result, 1 << 20), -(1 << 20));
}

void tg_lstm_tflite_s8(const tg_lstm_tflite_s8_params *p, const int8_t *input, const int8_t *hidden, const tg_i16 *cell,
                       const int8_t *weights, const int8_t *recurrent, const tg_i32 *bias, const tg_i32 *scales,
                       const tg_u16 *table, int8_t *next_hidden, tg_i16 *next_cell, int8_t *output, tg_i32 *scratch) {
  const int32_t units = p->units, depth = p->depth;
  tg_i16 *gates = (tg_i16 *)scratch;
  (void)table;
  for (int32_t row = 0; row < p->rows; row++) {
    for (int32_t unit = 0; unit < units; unit++) {
      next_hidden[unit] = hidden[unit];
      next_cell[unit] = cell[unit];
    }
    for (int32_t step = 0; step < p->steps; step++) {
      const int32_t place = p->time_major ? step * p->rows + row : row * p->steps + step;
      const int8_t *x = input + place * depth;
      for (int32_t gate = 0; gate < 4; gate++) {
        const tg_i32 *scale = scales + 4 * gate;
        for (int32_t unit = 0; unit < units; unit++) {
          const int32_t index = gate * units + unit;
          const int32_t first = tg_lstm_tflite_s8_scaled(bias[index], x, weights + index * depth, depth, scale);
          const int32_t past = tg_lstm_tflite_s8_scaled(bias[4 * units + index], next_hidden,
                                                        recurrent + index * units, units, scale + 2);
          const int32_t sum = tg_clamp_s16(tg_clamp_s16(first, INT16_MIN, INT16_MAX) + past, INT16_MIN, INT16_MAX);
          gates[index] = gate == 2 ? TG_TANH(sum, 3) : TG_SIGMOID(sum, 3);
        }
      }
      for (int32_t unit = 0; unit < units; unit++) {
        const int32_t kept = TG_PRODUCT(gates[units + unit] * next_cell[unit], 15);
        const int32_t added = TG_PRODUCT(gates[unit] * gates[2 * units + unit], 15 + p->cell_bits);
        int32_t value = tg_clamp_s16(tg_clamp_s16(kept, INT16_MIN, INT16_MAX) + added, INT16_MIN, INT16_MAX);
        if (p->clip > 0) {
          value = tg_max(tg_min(value, p->clip), -p->clip);
        }
        next_cell[unit] = (int16_t)value;
        const int32_t shown = TG_TANH(value, p->cell_bits) * gates[3 * units + unit];
        const int32_t result = tg_scaled_twice(shown, p->multiplier, p->shift);
        next_hidden[unit] = tg_offset_s8(result, p->out_offset, INT8_MIN, INT8_MAX);
        output[place * units + unit] = next_hidden[unit];
      }
    }
    hidden += units;
    cell += units;
    next_hidden += units;
    next_cell += units;
  }
}

#undef TG_BY_TABLE
#undef TG_SIGMOID
#undef TG_TANH
#undef TG_PRODUCT
