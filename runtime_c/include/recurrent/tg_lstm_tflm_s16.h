/* tg_lstm_tflm_s16: LSTM of int16, as TensorFlow Lite Micro computes it with CMSIS-NN.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LSTM_TFLM_S16_H
#define TG_LSTM_TFLM_S16_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

typedef struct {
  uint16_t rows; /* rows */
  uint16_t steps; /* steps of the sequence */
  uint16_t depth; /* products that one result sums */
  uint16_t units; /* output units: results of each row */
  uint8_t time_major; /* 1: the sequence's steps are the outermost dimension; 0: rows are */
  int8_t cell_bits; /* integer bits of the cell */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int8_t added_shift; /* of what is added to the cell: a shift, to the left where it is above 0 */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int32_t added_multiplier; /* of what is added to the cell: a multiplier of 31 bits */
  int32_t clip; /* bounds the cell, if above 0 */
} tg_lstm_tflm_s16_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int16_t[rows * steps * depth]
 * hidden: read, int16_t
 * cell: read, int16_t
 * weights: read, int8_t
 * recurrent: read, int8_t
 * bias: read, int32_t
 * scales: read, int32_t
 * table: read, uint16_t
 * next_hidden: written, int16_t
 * next_cell: written, int16_t
 * output: written, int16_t[rows * steps * units]
 * scratch: working memory; the network's source says how much. What it holds before and after a call means nothing
 * next_hidden may be hidden itself; next_cell may be cell itself. Nothing else overlaps.
 */
void tg_lstm_tflm_s16(const tg_lstm_tflm_s16_params *p, const tg_i16 *input, const tg_i16 *hidden, const tg_i16 *cell,
                      const int8_t *weights, const int8_t *recurrent, const tg_i32 *bias, const tg_i32 *scales,
                      const tg_u16 *table, tg_i16 *next_hidden, tg_i16 *next_cell, tg_i16 *output, tg_i32 *scratch);

#endif
