/* The epilogue of kernels as Glow computes it: from a sum to the integer that is stored, with the output's offset, not yet
 * bounded. Each tg_epilogue_<name>.h defines the same names for another rounding rule; a kernel includes one of them.
 *
 * TG_EPILOGUE_FUSED: whether the ends of loops in assembly that are written for Glow's requantization compute it. */
#ifndef TG_EPILOGUE_H
#define TG_EPILOGUE_H

#include "tg_numerics.h"

#define TG_EPILOGUE_FUSED 1

static inline int32_t tg_epilogue(int32_t x, const tg_requant *r) { return tg_requantize(x, r); }

#endif
