/* TensorFlow Lite's epilogue, rounded once: x * multiplier / 2^(32 + post - pre), ties upwards, plus offset. post is at
 * least 1, and x leaves room for pre bits: the compiler proves it. See tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_TFLITE_H
#define TG_EPILOGUE_TFLITE_H

#include "tg_epilogue_last.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_TFLITE_FUSED 0
#define TG_EPILOGUE_TFLITE_WORDS 2
#define TG_EPILOGUE_TFLITE_DSP 1
#define TG_EPILOGUE_TFLITE_SHIFTED 1
#define TG_EPILOGUE_TFLITE_NARROW 0
#define TG_EPILOGUE_TFLITE_LONG 0
#define TG_EPILOGUE_TFLITE_PRE 0

/* Half of the last bit is added to the upper word: what lies below it cannot change the result. */
static inline int32_t tg_epilogue_tflite(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word((int32_t)((uint32_t)x << r->pre), r->multiplier);
  return ((high + (int32_t)((uint32_t)1 << (r->post - 1))) >> r->post) + r->offset;
}

static inline int32_t tg_epilogue_tflite_product(int32_t x, int32_t multiplier, int32_t plus) {
  return tg_high_word(x, multiplier) + plus;
}

#define TG_EPILOGUE_TFLITE_PRODUCT(x, t, m, h) "smmla " x ", " x ", " m ", " h "\n\t"
/* Of a sum times 256. */
#define TG_EPILOGUE_TFLITE_PRODUCT_256(x, t, m, h) \
  "asr " x ", " x ", #8\n\t" TG_EPILOGUE_TFLITE_PRODUCT(x, t, m, h)
/* The same where there is one register less: t is h before it, and spoilt after it where it has to be loaded AGAIN. */
#define TG_EPILOGUE_TFLITE_SPARING_BIAS(x)
#define TG_EPILOGUE_TFLITE_SPARING_WEIGHTS(x)
#define TG_EPILOGUE_TFLITE_SPARING_PRODUCT(x, t, m) TG_EPILOGUE_TFLITE_PRODUCT(x, "", m, t)
#define TG_EPILOGUE_TFLITE_SPARING_AGAIN(load)
#define TG_EPILOGUE_TFLITE_SPARING_PLUS(x, h)

static inline int32_t tg_epilogue_tflite_last(int32_t x, const tg_i32 *words, int32_t center) {
  return tg_epilogue_tflite_product(x, words[0], tg_epilogue_last_plus(words, center)) >> words[1] >> 1;
}

#define TG_EPILOGUE_TFLITE_SATURATE(x) TG_EPILOGUE_LAST_SATURATE(x)
#define TG_EPILOGUE_TFLITE_FITS(out) TG_EPILOGUE_LAST_FITS(out, TG_EPILOGUE_TFLITE_PRE)
#define TG_EPILOGUE_TFLITE_HALF(out) TG_EPILOGUE_LAST_HALF(out, TG_EPILOGUE_TFLITE_HIGH_CENTER((out)->offset))
#define TG_EPILOGUE_TFLITE_POST(out) TG_EPILOGUE_LAST_POST(out)
#define TG_EPILOGUE_TFLITE_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_TFLITE_HIGH_CENTER(offset) TG_EPILOGUE_TFLITE_CENTER(offset)
#define TG_EPILOGUE_TFLITE_HIGH(x, words, center) tg_epilogue_tflite_last(x, (const tg_i32 *)(words), center)
#define TG_EPILOGUE_TFLITE_FOLDED(x, words, center) tg_epilogue_tflite_last(x, (const tg_i32 *)(words), center)

#endif
