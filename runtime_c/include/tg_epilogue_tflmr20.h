/* As tg_epilogue_tflmr.h, for sums of 20 bits, which the compiler proves: loops in the instructions of ARMv6-M have an end
 * for them, where x * multiplier / 2^20 has 11 bits more than the upper word that is rounded. */
#ifndef TG_EPILOGUE_TFLMR20_H
#define TG_EPILOGUE_TFLMR20_H

#include "tg_epilogue_tflmr.h"

#define TG_EPILOGUE_TFLMR20_FUSED 0
#define TG_EPILOGUE_TFLMR20_DSP 0
#define TG_EPILOGUE_TFLMR20_NARROW 1
#define TG_EPILOGUE_TFLMR20_LONG 0
#define TG_EPILOGUE_TFLMR20_NARROW_BITS 11
#define TG_EPILOGUE_TFLMR20_NARROW_HALF (1 << 10) /* of the upper word */
#define TG_EPILOGUE_TFLMR20_NARROW_TEST(sum)
#define TG_EPILOGUE_TFLMR20_WORDS TG_EPILOGUE_TFLMR_WORDS
#define TG_EPILOGUE_TFLMR20_PRE TG_EPILOGUE_TFLMR_PRE
#define TG_EPILOGUE_TFLMR20_CENTER(offset) TG_EPILOGUE_TFLMR_CENTER(offset)
#define TG_EPILOGUE_TFLMR20_HIGH_CENTER(offset) TG_EPILOGUE_TFLMR_HIGH_CENTER(offset)
#define TG_EPILOGUE_TFLMR20_HIGH(x, words, center) TG_EPILOGUE_TFLMR_HIGH(x, words, center)
#define TG_EPILOGUE_TFLMR20_FOLDED(x, words, center) TG_EPILOGUE_TFLMR_FOLDED(x, words, center)

static inline int32_t tg_epilogue_tflmr20(int32_t x, const tg_requant *r) { return tg_epilogue_tflmr(x, r); }

#endif
