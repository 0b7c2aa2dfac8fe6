/* As tg_epilogue_tflite.h, for sums of 20 bits, which the compiler proves: loops in the instructions of ARMv6-M have an end
 * for them, where x * multiplier / 2^20 has 12 bits more than the upper word that is rounded. */
#ifndef TG_EPILOGUE_TFLITE20_H
#define TG_EPILOGUE_TFLITE20_H

#include "tg_epilogue_tflite.h"

#define TG_EPILOGUE_TFLITE20_FUSED 0
#define TG_EPILOGUE_TFLITE20_DSP 0
#define TG_EPILOGUE_TFLITE20_NARROW 1
#define TG_EPILOGUE_TFLITE20_LONG 0
#define TG_EPILOGUE_TFLITE20_NARROW_BITS 12
#define TG_EPILOGUE_TFLITE20_NARROW_HALF (0) /* of the upper word */
#define TG_EPILOGUE_TFLITE20_NARROW_TEST(sum)
#define TG_EPILOGUE_TFLITE20_WORDS TG_EPILOGUE_TFLITE_WORDS
#define TG_EPILOGUE_TFLITE20_PRE TG_EPILOGUE_TFLITE_PRE
#define TG_EPILOGUE_TFLITE20_CENTER(offset) TG_EPILOGUE_TFLITE_CENTER(offset)
#define TG_EPILOGUE_TFLITE20_HIGH_CENTER(offset) TG_EPILOGUE_TFLITE_HIGH_CENTER(offset)
#define TG_EPILOGUE_TFLITE20_HIGH(x, words, center) TG_EPILOGUE_TFLITE_HIGH(x, words, center)
#define TG_EPILOGUE_TFLITE20_FOLDED(x, words, center) TG_EPILOGUE_TFLITE_FOLDED(x, words, center)

static inline int32_t tg_epilogue_tflite20(int32_t x, const tg_requant *r) { return tg_epilogue_tflite(x, r); }

#endif
