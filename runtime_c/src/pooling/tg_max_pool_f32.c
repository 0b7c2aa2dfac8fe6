/* Maximum over windows, NHWC, in single precision. Only the taps of a window inside the image count; one without any
 * gives 0. A window with a NaN gives that NaN, the last one if there are several. */
#include "tg_float.h"
#include "tg_kernels.h"

typedef float tg_pool_element;
typedef tg_max_pool_f32_params tg_pool_params;
#define TG_POOL_TAKES(x, largest) ((x) > (largest) || (x) != (x))

#include "tg_max_pool.h"

void tg_max_pool_f32(const tg_max_pool_f32_params *restrict p, const tg_f32 *input, tg_f32 *output) {
  tg_max_pool(p, input, output, 0.0f);
}
