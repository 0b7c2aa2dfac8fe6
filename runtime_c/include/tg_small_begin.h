/* Code from here to tg_small_end.h is made small before it is made fast, whatever the compiler is told by its options.
 * Bundles made with --optimize=size include the two in each file: no guard. TG_FOR_SIZE: leaves out what is only faster. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("Os")
#endif
#define TG_FOR_SIZE 1
