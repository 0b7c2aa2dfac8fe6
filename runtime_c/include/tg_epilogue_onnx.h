/* onnxruntime's epilogue: x as a float times the float whose bits are the multiplier, to the nearest integer, ties to even;
 * plus offset. Results beyond 2^20 stay there, far outside int8. See tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_ONNX_H
#define TG_EPILOGUE_ONNX_H

#include "tg_epilogue_words.h"
#include "tg_float.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_ONNX_FUSED 0
#define TG_EPILOGUE_ONNX_WORDS 2
#define TG_EPILOGUE_ONNX_DSP 0
#define TG_EPILOGUE_ONNX_NARROW 0
#define TG_EPILOGUE_ONNX_LONG 0

static inline int32_t tg_epilogue_onnx(int32_t x, const tg_requant *r) {
  const float limit = 1048576.0f;
  tg_float_bits scale;
  scale.bits = (uint32_t)r->multiplier;
  const float product = (float)x * scale.value;
  const float near = product > limit ? limit : product < -limit ? -limit : product;
  /* The remainder is exact, so that ties are seen as such. */
  const int32_t whole = (int32_t)near;
  const float rest = near - (float)whole;
  const int32_t odd = whole & 1;
  const int32_t up = rest > 0.5f || (rest == 0.5f && odd) ? 1 : 0;
  const int32_t down = rest < -0.5f || (rest == -0.5f && odd) ? 1 : 0;
  return whole + up - down + r->offset;
}

static inline int32_t tg_epilogue_onnx_by(int32_t x, const tg_i32 *words, int32_t offset) {
  const tg_requant r = tg_epilogue_constants(words, offset);
  return tg_epilogue_onnx(x, &r);
}

#define TG_EPILOGUE_ONNX_CENTER(offset) (offset)
#define TG_EPILOGUE_ONNX_HIGH_CENTER(offset) (offset)
#define TG_EPILOGUE_ONNX_HIGH(x, words, offset) tg_epilogue_onnx_by(x, (const tg_i32 *)(words), offset)
#define TG_EPILOGUE_ONNX_FOLDED(x, words, center) tg_epilogue_onnx_by(x, (const tg_i32 *)(words), center)

#endif
