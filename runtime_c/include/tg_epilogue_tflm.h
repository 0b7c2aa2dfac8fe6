/* TensorFlow Lite Micro's epilogue with CMSIS-NN, rounded twice: the upper word of (x << pre) * multiplier, ties upwards;
 * then that over 2^post, ties away from zero; plus offset. x leaves room for pre bits: the compiler proves it. See
 * tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_TFLM_H
#define TG_EPILOGUE_TFLM_H

#include "tg_epilogue_last.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_TFLM_FUSED 0
#define TG_EPILOGUE_TFLM_WORDS 2
#define TG_EPILOGUE_TFLM_DSP 1
#define TG_EPILOGUE_TFLM_SHIFTED 1
#define TG_EPILOGUE_TFLM_NARROW 0
#define TG_EPILOGUE_TFLM_LONG TG_HIGH_WORD_LOOPS
#define TG_EPILOGUE_TFLM_LONG_LESS(x, t) /* one less for a negative number */ \
  "asrs " t ", " x ", #31\n\t" \
  "adds " x ", " x ", " t "\n\t"
#define TG_EPILOGUE_TFLM_PRE 1

static inline int32_t tg_epilogue_tflm(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word_rounded((int32_t)((uint32_t)x << r->pre), r->multiplier);
  const int32_t half = (int32_t)(((uint32_t)1 << r->post) >> 1);
  /* One less for a negative number, unless nothing is shifted: then half is 0. */
  const int32_t less = half ? high >> 31 : 0;
  return ((high + half + less) >> r->post) + r->offset;
}

/* One less for a negative number. */
static inline int32_t tg_epilogue_tflm_product(int32_t x, int32_t multiplier, int32_t plus) {
  return tg_high_word_rounded((int32_t)((uint32_t)x << 1), multiplier) + plus + (x >> 31);
}

#define TG_EPILOGUE_TFLM_PRODUCT(x, t, m, h) \
  "add " t ", " h ", " x ", asr #31\n\t" \
  "lsl " x ", " x ", #1\n\t"            \
  "smmlar " x ", " x ", " m ", " t "\n\t"
/* Of a sum times 256. */
#define TG_EPILOGUE_TFLM_PRODUCT_256(x, t, m, h) \
  "add " t ", " h ", " x ", asr #31\n\t" \
  "asr " x ", " x ", #7\n\t" \
  "smmlar " x ", " x ", " m ", " t "\n\t"
/* The same where there is one register less: t is h before it, and spoilt after it, so that it has to be loaded AGAIN. The
 * first shift is that of the BIAS and the WEIGHTS, halfwords, from which x was made. */
#define TG_EPILOGUE_TFLM_SPARING_BIAS(x) "lsl " x ", " x ", #1\n\t"
#define TG_EPILOGUE_TFLM_SPARING_WEIGHTS(x) "sadd16 " x ", " x ", " x "\n\t"
#define TG_EPILOGUE_TFLM_SPARING_PRODUCT(x, t, m) \
  "smmulr " t ", " x ", " m "\n\t"           \
  "add " x ", " t ", " x ", asr #31\n\t"
#define TG_EPILOGUE_TFLM_SPARING_AGAIN(load) load
#define TG_EPILOGUE_TFLM_SPARING_PLUS(x, h) "add " x ", " x ", " h "\n\t"

static inline int32_t tg_epilogue_tflm_last(int32_t x, const tg_i32 *words, int32_t center) {
  return tg_epilogue_tflm_product(x, words[0], tg_epilogue_last_plus(words, center)) >> words[1] >> 1;
}

#define TG_EPILOGUE_TFLM_SATURATE(x) TG_EPILOGUE_LAST_SATURATE(x)
#define TG_EPILOGUE_TFLM_FITS(out) TG_EPILOGUE_LAST_FITS(out, TG_EPILOGUE_TFLM_PRE)
#define TG_EPILOGUE_TFLM_HALF(out) TG_EPILOGUE_LAST_HALF(out, TG_EPILOGUE_TFLM_HIGH_CENTER((out)->offset))
#define TG_EPILOGUE_TFLM_POST(out) TG_EPILOGUE_LAST_POST(out)
#define TG_EPILOGUE_TFLM_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_TFLM_HIGH_CENTER(offset) TG_EPILOGUE_TFLM_CENTER(offset)
#define TG_EPILOGUE_TFLM_HIGH(x, words, center) tg_epilogue_tflm_last(x, (const tg_i32 *)(words), center)
#define TG_EPILOGUE_TFLM_FOLDED(x, words, center) tg_epilogue_tflm_last(x, (const tg_i32 *)(words), center)

#endif
