/* Memory for bundles on machines with a heap, under the names of the file of the same name in NXP's MCUXpresso SDK.
 * Firmware needs none of it: it gives a bundle static arrays. */
#ifndef GLOW_BUNDLE_UTILS_H
#define GLOW_BUNDLE_UTILS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An alignment in bytes: 1 to 255. */
typedef uint8_t align_t;

/* size bytes at a multiple of alignment; NULL if there is no memory, or the alignment is 0. */
void *alignedAlloc(align_t alignment, size_t size);

/* Gives back what alignedAlloc gave; NULL is nothing. */
void alignedFree(void *ptr);

#ifdef __cplusplus
}
#endif
#endif
