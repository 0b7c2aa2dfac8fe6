/* Copy of runs of bytes at regular distances, which may be 0 or negative. Bytes of the output between the runs stay as
 * they are. Input and output may be one buffer if no byte is both read and written. */
#include "tg_copy.h"
#include "tg_kernels.h"

void tg_strided_copy_s8(const tg_strided_copy_s8_params *p, const int8_t *input, int8_t *output) {
  for (uint32_t i = 0; i < p->dim0; i++) {
    for (uint32_t j = 0; j < p->dim1; j++) {
      const int8_t *in = input + p->in_offset + (int32_t)i * p->in_stride0 + (int32_t)j * p->in_stride1;
      int8_t *out = output + p->out_offset + (int32_t)i * p->out_stride0 + (int32_t)j * p->out_stride1;
      for (uint32_t k = 0; k < p->dim2; k++) {
        tg_copy_run(in + (int32_t)k * p->in_stride2, out + (int32_t)k * p->out_stride2, p->run);
      }
    }
  }
}
