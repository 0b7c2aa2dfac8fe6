/* The end of what tg_small_begin.h begins. */
#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#undef TG_FOR_SIZE
