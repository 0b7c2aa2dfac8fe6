/* TensorFlow Lite Micro's epilogue with CMSIS-NN, rounded twice: the upper word of (x << pre) * multiplier, ties upwards;
 * then that over 2^post, ties away from zero; plus offset. x leaves room for pre bits: the compiler proves it. See
 * tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_TFLM_H
#define TG_EPILOGUE_TFLM_H

#include "tg_epilogue_words.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_TFLM_FUSED 0
#define TG_EPILOGUE_TFLM_WORDS 2

static inline int32_t tg_epilogue_tflm(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word_rounded((int32_t)((uint32_t)x << r->pre), r->multiplier);
  const int32_t half = (int32_t)(((uint32_t)1 << r->post) >> 1);
  /* One less for a negative number, unless nothing is shifted: then half is 0. */
  const int32_t less = half ? high >> 31 : 0;
  return ((high + half + less) >> r->post) + r->offset;
}

static inline int32_t tg_epilogue_tflm_by(int32_t x, const tg_i32 *words, int32_t offset) {
  const tg_requant r = tg_epilogue_constants(words, offset);
  return tg_epilogue_tflm(x, &r);
}

#define TG_EPILOGUE_TFLM_HIGH(x, words, offset) tg_epilogue_tflm_by(x, (const tg_i32 *)(words), offset)
#define TG_EPILOGUE_TFLM_CENTER(offset) (offset)
#define TG_EPILOGUE_TFLM_FOLDED(x, words, center) tg_epilogue_tflm_by(x, (const tg_i32 *)(words), center)

#endif
