/* TensorFlow Lite Micro's epilogue where no result may lie below the offset: as tg_epilogue_tflm.h, but with both roundings
 * upwards. They differ for negative numbers alone, which give at most the offset. See tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_TFLMR_H
#define TG_EPILOGUE_TFLMR_H

#include "tg_epilogue_last.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_TFLMR_FUSED 0
#define TG_EPILOGUE_TFLMR_WORDS 2
#define TG_EPILOGUE_TFLMR_DSP 1
#define TG_EPILOGUE_TFLMR_SHIFTED 1
#define TG_EPILOGUE_TFLMR_NARROW 0
#define TG_EPILOGUE_TFLMR_LONG TG_HIGH_WORD_LOOPS
#define TG_EPILOGUE_TFLMR_LONG_LESS(x, t)
#define TG_EPILOGUE_TFLMR_PRE 1

static inline int32_t tg_epilogue_tflmr(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word_rounded((int32_t)((uint32_t)x << r->pre), r->multiplier);
  return ((high + (int32_t)(((uint32_t)1 << r->post) >> 1)) >> r->post) + r->offset;
}

static inline int32_t tg_epilogue_tflmr_product(int32_t x, int32_t multiplier, int32_t plus) {
  return tg_high_word_rounded((int32_t)((uint32_t)x << 1), multiplier) + plus;
}

#define TG_EPILOGUE_TFLMR_PRODUCT(x, t, m, h) \
  "lsl " x ", " x ", #1\n\t"            \
  "smmlar " x ", " x ", " m ", " h "\n\t"
/* Of a sum times 256. */
#define TG_EPILOGUE_TFLMR_PRODUCT_256(x, t, m, h) \
  "asr " x ", " x ", #7\n\t" \
  "smmlar " x ", " x ", " m ", " h "\n\t"
/* The same where there is one register less: t is h before it, and spoilt after it where it has to be loaded AGAIN. The first
 * shift is that of the BIAS and the WEIGHTS, halfwords, from which x was made. */
#define TG_EPILOGUE_TFLMR_SPARING_BIAS(x) "lsl " x ", " x ", #1\n\t"
#define TG_EPILOGUE_TFLMR_SPARING_WEIGHTS(x) "sadd16 " x ", " x ", " x "\n\t"
#define TG_EPILOGUE_TFLMR_SPARING_PRODUCT(x, t, m) "smmlar " x ", " x ", " m ", " t "\n\t"
#define TG_EPILOGUE_TFLMR_SPARING_AGAIN(load)
#define TG_EPILOGUE_TFLMR_SPARING_PLUS(x, h)

static inline int32_t tg_epilogue_tflmr_last(int32_t x, const tg_i32 *words, int32_t center) {
  return tg_epilogue_tflmr_product(x, words[0], tg_epilogue_last_plus(words, center)) >> words[1] >> 1;
}

#define TG_EPILOGUE_TFLMR_SATURATE(x) TG_EPILOGUE_LAST_SATURATE(x)
#define TG_EPILOGUE_TFLMR_FITS(out) TG_EPILOGUE_LAST_FITS(out, TG_EPILOGUE_TFLMR_PRE)
#define TG_EPILOGUE_TFLMR_HALF(out) TG_EPILOGUE_LAST_HALF(out, TG_EPILOGUE_TFLMR_HIGH_CENTER((out)->offset))
#define TG_EPILOGUE_TFLMR_POST(out) TG_EPILOGUE_LAST_POST(out)
#define TG_EPILOGUE_TFLMR_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_TFLMR_HIGH_CENTER(offset) TG_EPILOGUE_TFLMR_CENTER(offset)
#define TG_EPILOGUE_TFLMR_HIGH(x, words, center) tg_epilogue_tflmr_last(x, (const tg_i32 *)(words), center)
#define TG_EPILOGUE_TFLMR_FOLDED(x, words, center) tg_epilogue_tflmr_last(x, (const tg_i32 *)(words), center)

#endif
