/* Maximum over windows, NHWC. Only the taps of a window inside the image count; one without any gives p->empty. */
#include "tg_kernels.h"

typedef int8_t tg_pool_element;
typedef tg_max_pool_s8_params tg_pool_params;
#define TG_POOL_TAKES(x, largest) ((x) > (largest))

#include "tg_max_pool.h"

void tg_max_pool_s8(const tg_max_pool_s8_params *p, const int8_t *input, int8_t *output) {
  tg_max_pool(p, input, output, p->empty);
}
