/* tg_lstm_tflite_s8: LSTM with a cell of int16, as LiteRT computes it.
 *
 * Generated from the kernel's declaration; do not edit.
 * For any core. */
#ifndef TG_LSTM_TFLITE_S8_H
#define TG_LSTM_TFLITE_S8_H

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
  int8_t out_offset; /* integer that stands for 0 in the output */
  int8_t shift; /* bits by which products are shifted to the right, rounded */
  int32_t multiplier; /* multiplies a result; shift comes after it */
  int32_t clip; /* bounds the cell, if above 0 */
} tg_lstm_tflite_s8_params;

/* No argument is null, and each begins at a multiple of 4 bytes.
 *
 * input: read, int8_t[rows * steps * depth]
 * hidden: read, int8_t
 * cell: read, int16_t
 * weights: read, int8_t
 * recurrent: read, int8_t
 * bias: read, int32_t
 * scales: read, int32_t
 * table: read, uint16_t
 * next_hidden: written, int8_t
 * next_cell: written, int16_t
 * output: written, int8_t[rows * steps * units]
 * scratch: working memory; the network's source says how much. What it holds before and after a call means nothing
 * next_hidden may be hidden itself; next_cell may be cell itself. Nothing else overlaps.
 */
void tg_lstm_tflite_s8(const tg_lstm_tflite_s8_params *p, const int8_t *input, const int8_t *hidden,
                       const tg_i16 *cell, const int8_t *weights, const int8_t *recurrent, const tg_i32 *bias,
                       const tg_i32 *scales, const tg_u16 *table, int8_t *next_hidden, tg_i16 *next_cell,
                       int8_t *output, tg_i32 *scratch);

#endif
