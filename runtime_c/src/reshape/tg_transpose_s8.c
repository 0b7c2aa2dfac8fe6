/* Permutation of up to four dimensions: output is written in order, input is read with the strides given. */
#include "tg_kernels.h"

void tg_transpose_s8(const tg_transpose_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->dim0; i++) {
    for (uint32_t j = 0; j < p->dim1; j++) {
      for (uint32_t k = 0; k < p->dim2; k++) {
        const int8_t *in = input + i * p->stride0 + j * p->stride1 + k * p->stride2;
        for (uint32_t l = 0; l < p->dim3; l++) {
          *output++ = *in;
          in += p->stride3;
        }
      }
    }
  }
}
