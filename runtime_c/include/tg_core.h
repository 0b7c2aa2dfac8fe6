/* What the core has that code here is compiled for. */
#ifndef TG_CORE_H
#define TG_CORE_H

#include <stdint.h>

/* Whether loops written in the instructions of ARMv6-M are compiled in: on cores without DSP extension. ARMv7-M and the
 * baseline of ARMv8-M have all of these instructions. */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(TG_PLAIN_C) && \
    (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_BASE__))
#define TG_ARMV6M_LOOPS 1
#else
#define TG_ARMV6M_LOOPS 0
#endif

/* What the compiler makes of a layer's weights: sums of products with inputs x that are laid out for it. */
typedef void tg_code(const uint32_t *x, int32_t *sums);

#endif
