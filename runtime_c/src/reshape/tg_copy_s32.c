/* Copy of words. The output may begin before the input and overlap it: four words are read before they are written. */
#include "tg_kernels.h"

void tg_copy_s32(const tg_copy_s32_params *p, const tg_i32 *input, tg_i32 *output) {
  uint32_t i = 0;
  for (; i + 4u <= p->count; i += 4u) {
    const int32_t first = input[i];
    const int32_t second = input[i + 1u];
    const int32_t third = input[i + 2u];
    const int32_t fourth = input[i + 3u];
    output[i] = first;
    output[i + 1u] = second;
    output[i + 2u] = third;
    output[i + 3u] = fourth;
  }
  for (; i < p->count; i++) {
    output[i] = input[i];
  }
}
