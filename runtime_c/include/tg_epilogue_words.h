/* Constants of each channel as two words, for epilogues without a form of their own: the multiplier; pre + (post << 8). */
#ifndef TG_EPILOGUE_WORDS_H
#define TG_EPILOGUE_WORDS_H

#include "tg_numerics.h"

static inline tg_requant tg_epilogue_constants(const tg_i32 *words, int32_t offset) {
  const tg_requant r = {words[0], offset, (uint8_t)(words[1] & 0xFF), (uint8_t)(words[1] >> 8 & 0xFF)};
  return r;
}

#endif
