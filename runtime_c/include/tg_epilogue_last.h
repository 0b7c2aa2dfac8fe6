/* Constants of each channel as two words, for epilogues that multiply by 31 bits and shift: the multiplier; the last shift
 * less one. Half of the last shift and the output's offset are one number before that shift, (2 * offset + 1) << word.
 *
 * Such an epilogue has TG_EPILOGUE_<NAME>_PRE, the first shift of such constants, and tg_epilogue_<name>_last(x, words,
 * center). And where the core multiplies to an upper word, the product as instructions: TG_EPILOGUE_<NAME>_PRODUCT(x, t, m,
 * h), x being the sum and then the result, t a register to spare, m the multiplier, h what is added; _PRODUCT_256: of 256
 * times the sum; where two channels are scaled side by side, TG_EPILOGUE_<NAME>_TWO_256 is of two such. Where the first shift
 * is on a channel's weights and bias instead, _SPARING_BIAS, _WEIGHTS, _PRODUCT, _AGAIN and _PLUS are the steps. After it x is shifted by the word, and saturated from twice its number: TG_EPILOGUE_<NAME>_SATURATE(x).
 *
 * TG_EPILOGUE_<NAME>_SHIFTED: 0 where the second word is 0 for all channels, and x is the saturated result after the product;
 * TG_EPILOGUE_<NAME>_TWO(x1, t1, x2, t2, m, h) is the product of two sums then. */
#ifndef TG_EPILOGUE_LAST_H
#define TG_EPILOGUE_LAST_H

#include "tg_numerics.h"

/* Of loops in assembly whose units share their constants: whether they can be, and what they add and shift by after the
 * product. first: the first shift; center: TG_EPILOGUE_<NAME>_HIGH_CENTER. Sums leave room for such constants. */
#define TG_EPILOGUE_LAST_FITS(out, first) ((out)->pre == (first) && (out)->post >= 1 && (out)->post <= 22)
#define TG_EPILOGUE_LAST_HALF(out, center) ((int32_t)((uint32_t)(center) << ((out)->post - 1)))
#define TG_EPILOGUE_LAST_POST(out) ((out)->post - 1)

#define TG_EPILOGUE_LAST_SATURATE(x) "ssat " x ", #8, " x ", asr #1\n\t"

/* center << the second of the words: what is added to the product. */
static inline int32_t tg_epilogue_last_plus(const tg_i32 *words, int32_t center) {
  return (int32_t)((uint32_t)center << words[1]);
}

#endif
