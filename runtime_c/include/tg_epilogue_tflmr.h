/* TensorFlow Lite Micro's epilogue where no result may lie below the offset: as tg_epilogue_tflm.h, but with both roundings
 * upwards. They differ for negative numbers alone, which give at most the offset. See tg_epilogue_glow.h. */
#ifndef TG_EPILOGUE_H
#define TG_EPILOGUE_H

#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_FUSED 0
#define TG_EPILOGUE_PRE 1

static inline int32_t tg_epilogue(int32_t x, const tg_requant *r) {
  const int32_t high = tg_high_word_rounded((int32_t)((uint32_t)x << r->pre), r->multiplier);
  return ((high + (int32_t)(((uint32_t)1 << r->post) >> 1)) >> r->post) + r->offset;
}

static inline int32_t tg_epilogue_product(int32_t x, int32_t multiplier, int32_t plus) {
  return tg_high_word_rounded((int32_t)((uint32_t)x << 1), multiplier) + plus;
}

#define TG_EPILOGUE_PRODUCT(x, t, m, h) \
  "lsl " x ", " x ", #1\n\t"            \
  "smmlar " x ", " x ", " m ", " h "\n\t"
/* The same where there is one register less: t is h before it, and spoilt after it where it has to be loaded AGAIN. */
#define TG_EPILOGUE_SPARING_PRODUCT(x, t, m) TG_EPILOGUE_PRODUCT(x, "", m, t)
#define TG_EPILOGUE_SPARING_AGAIN(load)
#define TG_EPILOGUE_SPARING_PLUS(x, h)

#include "tg_epilogue_last.h"

#endif
