/* Constants of each channel as two words, for epilogues without a form of their own: the multiplier; pre + (post << 8). */
#ifndef TG_EPILOGUE_WORDS_H
#define TG_EPILOGUE_WORDS_H

#define TG_EPILOGUE_WORDS 2
#define TG_EPILOGUE_DSP 0
#define TG_EPILOGUE_NARROW 0

static inline int32_t tg_epilogue_by(int32_t x, const tg_i32 *words, int32_t offset) {
  const tg_requant r = {words[0], offset, (uint8_t)(words[1] & 0xFF), (uint8_t)(words[1] >> 8 & 0xFF)};
  return tg_epilogue(x, &r);
}

#define TG_EPILOGUE_HIGH(x, words, offset) tg_epilogue_by(x, (const tg_i32 *)(words), offset)
#define TG_EPILOGUE_CENTER(offset) (offset)
#define TG_EPILOGUE_HIGH_CENTER(offset) (offset)
#define TG_EPILOGUE_FOLDED(x, words, center) tg_epilogue_by(x, (const tg_i32 *)(words), center)

#endif
