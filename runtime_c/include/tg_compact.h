/* TG_COMPACT, before a loop: keep it as it is. Compilers unroll loops that run seldom as well, at the cost of flash. */
#ifndef TG_COMPACT_H
#define TG_COMPACT_H

#if defined(__clang__)
#define TG_COMPACT _Pragma("clang loop unroll(disable) vectorize(disable)")
#elif defined(__GNUC__)
#define TG_COMPACT _Pragma("GCC unroll 1")
#else
#define TG_COMPACT
#endif

#endif
