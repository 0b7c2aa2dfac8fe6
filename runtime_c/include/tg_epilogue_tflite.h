/* TensorFlow Lite's epilogue, rounded once: x * multiplier / 2^(32 + post - pre), ties upwards, plus offset. post is at
 * least 1, and x leaves room for pre bits: the compiler proves it. See tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_TFLITE_H
#define TG_EPILOGUE_TFLITE_H

#include "tg_epilogue_words.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_TFLITE_FUSED 0
#define TG_EPILOGUE_TFLITE_WORDS 2

/* Half of the last bit is added to the upper word: what lies below it cannot change the result. */
static inline int32_t tg_epilogue_tflite(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word((int32_t)((uint32_t)x << r->pre), r->multiplier);
  return ((high + (int32_t)((uint32_t)1 << (r->post - 1))) >> r->post) + r->offset;
}

static inline int32_t tg_epilogue_tflite_by(int32_t x, const tg_i32 *words, int32_t offset) {
  const tg_requant r = tg_epilogue_constants(words, offset);
  return tg_epilogue_tflite(x, &r);
}

#define TG_EPILOGUE_TFLITE_HIGH(x, words, offset) tg_epilogue_tflite_by(x, (const tg_i32 *)(words), offset)
#define TG_EPILOGUE_TFLITE_CENTER(offset) (offset)
#define TG_EPILOGUE_TFLITE_FOLDED(x, words, center) tg_epilogue_tflite_by(x, (const tg_i32 *)(words), center)

#endif
