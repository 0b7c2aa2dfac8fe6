/* LSTM of int16 values and int8 weights, as TensorFlow Lite Micro computes it with CMSIS-NN.
 *
 * input [rows][steps][depth] (time_major: [steps][rows][depth]), output the same with units; hidden and cell [rows][units].
 * weights [4][units][depth] and recurrent [4][units][units] of the gates input, forget, cell and output; bias [4][units] of
 * 64 bits, two words each; scales [4][2][2]: multiplier and shift of the products with the input and with the hidden state;
 * table of the sigmoid. scratch: the gates of a row. */
#include "tg_kernels.h"
#include "tg_sigmoid_table.h"
#include "tg_tflite.h"
#include "tg_wide.h"

/* A number with so many integer bits in steps of the table. */
static int32_t tg_lstm_tflm_s16_argument(int32_t x, int32_t bits) {
  return bits < 3 ? tg_sigmoid_argument(x, 3, 3 - bits) : tg_sigmoid_argument(x, 3 * ((int32_t)1 << (bits - 3)), 0);
}

/* The sum of products with one row of weights, scaled. */
static int32_t tg_lstm_tflm_s16_scaled(int64_t bias, const tg_i16 *x, const int8_t *weights, int32_t count,
                                       const tg_i32 *scale) {
  return tg_scaled(bias + tg_dot_wide_s16(x, weights, count), scale[0], scale[1]);
}

void tg_lstm_tflm_s16(const tg_lstm_tflm_s16_params *p, const tg_i16 *input, const tg_i16 *hidden, const tg_i16 *cell,
                      const int8_t *weights, const int8_t *recurrent, const tg_i32 *bias, const tg_i32 *scales,
                      const tg_u16 *table, tg_i16 *next_hidden, tg_i16 *next_cell, tg_i16 *output, tg_i32 *scratch) {
  const int32_t units = p->units, depth = p->depth;
  tg_i16 *gates = (tg_i16 *)scratch;
  for (int32_t row = 0; row < p->rows; row++) {
    for (int32_t unit = 0; unit < units; unit++) {
      next_hidden[unit] = hidden[unit];
      next_cell[unit] = cell[unit];
    }
    for (int32_t step = 0; step < p->steps; step++) {
      const int32_t place = p->time_major ? step * p->rows + row : row * p->steps + step;
      const tg_i16 *x = input + place * depth;
      for (int32_t gate = 0; gate < 4; gate++) {
        const tg_i32 *scale = scales + 4 * gate;
        for (int32_t unit = 0; unit < units; unit++) {
          const int32_t index = gate * units + unit;
          const int64_t term = tg_int64_of(bias + 2 * index);
          const int32_t first = tg_lstm_tflm_s16_scaled(term, x, weights + index * depth, depth, scale);
          const int32_t past = tg_lstm_tflm_s16_scaled(0, next_hidden, recurrent + index * units, units, scale + 2);
          const int32_t sum = tg_offset_s16(past, tg_clamp_s16(first, INT16_MIN, INT16_MAX), INT16_MIN, INT16_MAX);
          const int32_t argument = tg_lstm_tflm_s16_argument(sum, 3);
          gates[index] = (int16_t)(gate == 2 ? tg_tanh_s16(argument, table) : tg_sigmoid_s16(argument, table));
        }
      }
      for (int32_t unit = 0; unit < units; unit++) {
        const int32_t kept = tg_scaled_twice(gates[units + unit] * next_cell[unit], (int32_t)1 << 30, -14);
        const int32_t product = gates[unit] * gates[2 * units + unit];
        const int32_t added = tg_scaled_twice(product, p->added_multiplier, p->added_shift);
        const int32_t value = tg_offset_s16(added, tg_clamp_s16(kept, INT16_MIN, INT16_MAX), -p->clip, p->clip);
        next_cell[unit] = (int16_t)value;
        const int32_t shown =
            tg_tanh_s16(tg_lstm_tflm_s16_argument(value, p->cell_bits), table) * gates[3 * units + unit];
        next_hidden[unit] = tg_offset_s16(tg_scaled_twice(shown, p->multiplier, p->shift), 0, INT16_MIN, INT16_MAX);
        output[place * units + unit] = next_hidden[unit];
      }
    }
    hidden += units;
    cell += units;
    next_hidden += units;
    next_cell += units;
  }
}
