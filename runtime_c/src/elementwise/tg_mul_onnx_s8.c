/* Product of two tensors as onnxruntime rounds it (see tg_epilogue_onnxi.h). ``other`` advances by a stride in each loop.
 * Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_epilogue_onnxi.h"
#include "tg_kernels.h"

void tg_mul_onnx_s8(const tg_mul_onnx_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const tg_requant out = p->out;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t product = (*input++ - p->input_offset) * (*y - p->other_offset);
    *output++ = tg_clamp_s8(tg_epilogue_onnxi(product, &out), INT8_MIN, INT8_MAX);
  }
}
