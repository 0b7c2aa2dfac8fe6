/* Permutation of up to six dimensions: output is dense, input is read with the strides given. */
#include "tg_kernels.h"

static void copy_line(const int8_t *input, uint32_t in_step, int8_t *output, uint32_t out_step, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    output[i * out_step] = input[i * in_step];
  }
}

/* The two innermost dimensions, of which the longer one is the inner loop. */
static void copy_plane(const tg_transpose_s8_params *p, const int8_t *input, int8_t *output) {
  if (p->dim4 > p->dim5) {
    for (uint32_t i = 0; i < p->dim5; i++) {
      copy_line(input + i * p->stride5, p->stride4, output + i, p->dim5, p->dim4);
    }
  } else {
    for (uint32_t i = 0; i < p->dim4; i++) {
      copy_line(input + i * p->stride4, p->stride5, output + i * p->dim5, 1, p->dim5);
    }
  }
}

void tg_transpose_s8(const tg_transpose_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->dim0; i++) {
    for (uint32_t j = 0; j < p->dim1; j++) {
      for (uint32_t k = 0; k < p->dim2; k++) {
        for (uint32_t l = 0; l < p->dim3; l++) {
          copy_plane(p, input + i * p->stride0 + j * p->stride1 + k * p->stride2 + l * p->stride3, output);
          output += p->dim4 * p->dim5;
        }
      }
    }
  }
}
