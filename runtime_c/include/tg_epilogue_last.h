/* Constants of each channel as two words, for epilogues that multiply by 31 bits and shift: the multiplier; the last shift
 * less one. Half of the last shift and the output's offset are one number before that shift, (2 * offset + 1) << word.
 *
 * The epilogue's header defines TG_EPILOGUE_PRE, the first shift of such constants, and tg_epilogue_product(x, multiplier,
 * plus): the product's upper word + plus. And where the core multiplies to an upper word, the same as instructions: TG_EPILOGUE_PRODUCT(x, t, m, h), x being the sum and then the
 * result, t a register to spare, m the multiplier, h what is added. After it x is shifted by the word, and saturated from
 * twice its number: TG_EPILOGUE_SATURATE(x). */
#ifndef TG_EPILOGUE_LAST_H
#define TG_EPILOGUE_LAST_H

#define TG_EPILOGUE_WORDS 2
#define TG_EPILOGUE_DSP 1
#define TG_EPILOGUE_NARROW 0
#define TG_EPILOGUE_SATURATE(x) "ssat " x ", #8, " x ", asr #1\n\t"

static inline int32_t tg_epilogue_last(int32_t x, const tg_i32 *words, int32_t center) {
  const int32_t shift = words[1];
  return tg_epilogue_product(x, words[0], (int32_t)((uint32_t)center << shift)) >> shift >> 1;
}

#define TG_EPILOGUE_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_HIGH_CENTER(offset) TG_EPILOGUE_CENTER(offset)
#define TG_EPILOGUE_HIGH(x, words, center) tg_epilogue_last(x, (const tg_i32 *)(words), center)
#define TG_EPILOGUE_FOLDED(x, words, center) tg_epilogue_last(x, (const tg_i32 *)(words), center)

#endif
