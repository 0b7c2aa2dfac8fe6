/* Runs of bytes from places that tables name: the one at row_offsets[r] + column_offsets[c] of each block of the input,
 * for all rows and columns in order. */
#include "tg_copy.h"
#include "tg_kernels.h"

void tg_gather_s8(const tg_gather_s8_params *p, const int8_t *input, const tg_i32 *row_offsets,
                  const tg_i32 *column_offsets, int8_t *output) {
  for (uint32_t block = 0; block < p->blocks; block++) {
    for (uint32_t r = 0; r < p->rows; r++) {
      const int8_t *row = input + block * p->block_stride + row_offsets[r];
      for (uint32_t c = 0; c < p->columns; c++) {
        tg_copy_run(row + column_offsets[c], output, p->run);
        output += p->run;
      }
    }
  }
}
