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

/* Elements of the memories that an application declares as arrays of bytes. By C's rules such bytes are never read as
 * wider numbers, unless the type says that it may alias any other; compilers that lack the attribute need an option that
 * turns type-based alias analysis off. */
#if defined(__GNUC__)
#define TG_MAY_ALIAS __attribute__((may_alias))
#else
#define TG_MAY_ALIAS
#endif
typedef int16_t TG_MAY_ALIAS tg_i16;
typedef uint16_t TG_MAY_ALIAS tg_u16;
typedef int32_t TG_MAY_ALIAS tg_i32;
typedef uint32_t TG_MAY_ALIAS tg_u32;
typedef float TG_MAY_ALIAS tg_f32;
/* Memories are aligned to words: no core here loads 64 bits at once from elsewhere than a multiple of 4 bytes. */
#if defined(__GNUC__)
typedef int64_t __attribute__((may_alias, aligned(4))) tg_i64;
typedef uint64_t __attribute__((may_alias, aligned(4))) tg_u64;
#else
typedef int64_t tg_i64;
typedef uint64_t tg_u64;
#endif

/* For functions that are to stay one copy. */
#if defined(__GNUC__) || defined(__clang__)
#define TG_APART __attribute__((noinline, unused))
#else
#define TG_APART
#endif

/* What the compiler makes of a layer's weights: sums of products with inputs x that are laid out for it. */
typedef void tg_code(const tg_u32 *x, tg_i32 *sums);

#endif
