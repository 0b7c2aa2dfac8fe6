/* As tg_epilogue_onnxi.h, for sums of 20 bits, which the compiler proves: loops in the instructions of ARMv6-M have an end
 * for them, where x * multiplier / 2^20 has 15 bits below 1. With half of 1 and a 1,024th added, the upper 9 of these are 0
 * where x may lie half way. */
#ifndef TG_EPILOGUE_ONNXI20_H
#define TG_EPILOGUE_ONNXI20_H

#include "tg_epilogue_onnxi.h"

#define TG_EPILOGUE_ONNXI20_FUSED 0
#define TG_EPILOGUE_ONNXI20_DSP 0
#define TG_EPILOGUE_ONNXI20_NARROW 1
#define TG_EPILOGUE_ONNXI20_LONG 0
#define TG_EPILOGUE_ONNXI20_NARROW_BITS 14
#define TG_EPILOGUE_ONNXI20_NARROW_HALF (32)
#define TG_EPILOGUE_ONNXI20_NARROW_TIE "tg_epilogue_onnxi20_tie"
/* The number in r2, its sum in a register: one that may lie half way goes to 90. */
#define TG_EPILOGUE_ONNXI20_NARROW_TEST(sum) \
  "lsls r3, r2, #17\n\t"                  \
  "lsrs r3, r3, #23\n\t"                  \
  "bne 77f\n\t"                           \
  "mov r3, " sum "\n\t"                   \
  "bl 90f\n"                              \
  "77:\n\t"
#define TG_EPILOGUE_ONNXI20_WORDS TG_EPILOGUE_ONNXI_WORDS
#define TG_EPILOGUE_ONNXI20_PRE TG_EPILOGUE_ONNXI_PRE
#define TG_EPILOGUE_ONNXI20_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_ONNXI20_HIGH_CENTER(offset) TG_EPILOGUE_ONNXI_HIGH_CENTER(offset)
#define TG_EPILOGUE_ONNXI20_HIGH(x, words, center) TG_EPILOGUE_ONNXI_HIGH(x, words, center)
#define TG_EPILOGUE_ONNXI20_FOLDED(x, words, center) TG_EPILOGUE_ONNXI_FOLDED(x, words, (center) * 128)

/* As tg_epilogue_onnxi_tie, by the multiplier's parts. */
static TG_CALLED int32_t tg_epilogue_onnxi20_tie(int32_t x, uint32_t high, uint32_t middle, uint32_t low) {
  return tg_epilogue_onnxi_tie(x, (int32_t)(high << 20 | middle << 10 | low));
}

static inline int32_t tg_epilogue_onnxi20(int32_t x, const tg_requant *r) { return tg_epilogue_onnxi(x, r); }

#endif
