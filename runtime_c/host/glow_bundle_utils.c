/* Aligned memory from malloc: the only file of a bundle that has a heap, and no bundle needs it. */
#include "glow_bundle_utils.h"

#include <stdlib.h>

/* In front of the memory handed out lies the number of bytes back to where malloc's begins: 1 to alignment of them. */
void *alignedAlloc(align_t alignment, size_t size) {
  uint8_t *block;
  size_t shift;
  if (alignment == 0 || size > SIZE_MAX - alignment) {
    return NULL;
  }
  block = (uint8_t *)malloc(size + alignment);
  if (block == NULL) {
    return NULL;
  }
  shift = alignment - (size_t)((uintptr_t)block % alignment);
  block += shift;
  block[-1] = (uint8_t)shift;
  return block;
}

void alignedFree(void *ptr) {
  if (ptr != NULL) {
    uint8_t *block = (uint8_t *)ptr;
    free(block - block[-1]);
  }
}
