/* Mean over up to three runs of dimensions as onnxruntime rounds it (see tg_epilogue_onnxi.h): start + the sum of input, by
 * constants that hold the number of elements. start takes the input's offset off. */
#include "tg_epilogue_onnx.h"
#include "tg_epilogue_onnxi.h"
#include "tg_kernels.h"
#include "tg_reduce.h"

#define TG_REQUANTIZED tg_epilogue_onnxi

void tg_reduce_mean_onnx_s8(const tg_reduce_mean_onnx_s8_params *p, const int8_t *input, int8_t *output) {
  const tg_requant out = p->out;
  const int8_t *x;
  const int8_t *y;
  TG_KEEP(p, input, x) {
    int32_t sum = p->start;
    TG_DROP(p, x, y) {
      sum += *y;
    }
    *output++ = tg_clamp_s8(TG_REQUANTIZED(sum, &out), INT8_MIN, INT8_MAX);
  }
}

#undef TG_REQUANTIZED
