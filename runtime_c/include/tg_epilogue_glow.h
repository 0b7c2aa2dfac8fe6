/* The epilogue of kernels as Glow computes it: from a sum to the integer that is stored, with the output's offset, not yet
 * bounded. Each tg_epilogue_<name>.h defines the same under its own name, for another rounding rule. Kernels are written
 * with this one; a kernel with another epilogue has the text of its C file with the other's name in place of glow.
 *
 * tg_epilogue_<name>(x, r): by constants that all channels share, or that are read for a channel.
 * TG_EPILOGUE_<NAME>_WORDS: how many words a channel's constants take beside its weights.
 * TG_EPILOGUE_<NAME>_HIGH(x, words, center): by these words, where the loop is one for DSP instructions; center is
 * TG_EPILOGUE_<NAME>_HIGH_CENTER(offset).
 * TG_EPILOGUE_<NAME>_FOLDED(x, words, center): by these words elsewhere; center is TG_EPILOGUE_<NAME>_CENTER(offset).
 * TG_EPILOGUE_<NAME>_FUSED: whether the ends of loops in assembly that are written for Glow's requantization compute it.
 * TG_EPILOGUE_<NAME>_FITS(out), _HALF(out), _POST(out): whether such ends, of units that share constants, compute it; what
 * they add to the product, and then shift by.
 * TG_EPILOGUE_<NAME>_DSP: whether loops of DSP instructions whose channels have words have an end for it (tg_epilogue_last.h).
 * TG_EPILOGUE_<NAME>_NARROW: whether loops of ARMv6-M instructions do, for sums of 20 bits (tg_epilogue_tflmr20.h).
 * TG_EPILOGUE_<NAME>_LONG: whether they do, for any sums, by TG_HIGH_WORD_TWICE of the first of two words; _LONG_LESS(x, t):
 * what is done to that before what tg_epilogue_last.h has of the second. */
#ifndef TG_EPILOGUE_GLOW_H
#define TG_EPILOGUE_GLOW_H

#include "tg_numerics.h"

#define TG_EPILOGUE_GLOW_FUSED 1
#define TG_EPILOGUE_GLOW_WORDS 1
#define TG_EPILOGUE_GLOW_DSP 1
#define TG_EPILOGUE_GLOW_NARROW 0
#define TG_EPILOGUE_GLOW_LONG 0
#define TG_EPILOGUE_GLOW_FITS(out) 1
#define TG_EPILOGUE_GLOW_HALF(out) ((int32_t)(((uint32_t)1 << (out)->post) >> 1))
#define TG_EPILOGUE_GLOW_POST(out) (out)->post

static inline int32_t tg_epilogue_glow(int32_t x, const tg_requant *r) { return tg_requantize(x, r); }

#define TG_EPILOGUE_GLOW_HIGH_CENTER(offset) (offset)
#define TG_EPILOGUE_GLOW_HIGH(x, words, center) tg_scale_high(x, (uint32_t)*(words), center)
#define TG_EPILOGUE_GLOW_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_GLOW_FOLDED(x, words, center) tg_requantize_by(x, (uint32_t)*(words), center)

#endif
