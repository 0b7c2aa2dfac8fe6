/* The epilogue of kernels as Glow computes it: from a sum to the integer that is stored, with the output's offset, not yet
 * bounded. Each tg_epilogue_<name>.h defines the same names for another rounding rule; a kernel includes one of them.
 *
 * tg_epilogue(x, r): by constants that all channels share, or that are read for a channel.
 * TG_EPILOGUE_WORDS: how many words a channel's constants take beside its weights.
 * TG_EPILOGUE_HIGH(x, words, center): by these words, where the loop is one for DSP instructions; center is
 * TG_EPILOGUE_HIGH_CENTER(offset).
 * TG_EPILOGUE_FOLDED(x, words, center): by these words elsewhere; center is TG_EPILOGUE_CENTER(offset).
 * TG_EPILOGUE_FUSED: whether the ends of loops in assembly that are written for Glow's requantization compute it.
 * TG_EPILOGUE_DSP: whether loops of DSP instructions whose channels have words have an end for it (tg_epilogue_last.h).
 * TG_EPILOGUE_NARROW: whether loops of ARMv6-M instructions do, for sums of 20 bits (tg_epilogue_tflmr20.h). */
#ifndef TG_EPILOGUE_H
#define TG_EPILOGUE_H

#include "tg_numerics.h"

#define TG_EPILOGUE_FUSED 1
#define TG_EPILOGUE_WORDS 1
#define TG_EPILOGUE_DSP 1
#define TG_EPILOGUE_NARROW 0

static inline int32_t tg_epilogue(int32_t x, const tg_requant *r) { return tg_requantize(x, r); }

#define TG_EPILOGUE_HIGH_CENTER(offset) (offset)
#define TG_EPILOGUE_HIGH(x, words, center) tg_scale_high(x, (uint32_t)*(words), center)
#define TG_EPILOGUE_CENTER(offset) (2 * (offset) + 1)
#define TG_EPILOGUE_FOLDED(x, words, center) tg_requantize_by(x, (uint32_t)*(words), center)

#endif
