/* Maximum over windows in int16, NHWC. Only the taps of a window inside the image count; one without any gives 0. */
#include "tg_kernels.h"

typedef int16_t tg_pool_element;
typedef tg_max_pool_s16_params tg_pool_params;
#define TG_POOL_TAKES(x, largest) ((x) > (largest))

#include "tg_max_pool.h"

void tg_max_pool_s16(const tg_max_pool_s16_params *restrict p, const tg_i16 *input, tg_i16 *output) {
  tg_max_pool(p, input, output, 0);
}
