/* Of each of blocks x length runs of bytes, those that indices number: an index below 0 is 0, one beyond the last run
 * is that of the last. */
#include "tg_kernels.h"
#include "tg_numerics.h"

void tg_gather_at_s8(const tg_gather_at_s8_params *p, const int8_t *input, const tg_i32 *indices, int8_t *output) {
  const int32_t last = (int32_t)p->length - 1;
  for (uint32_t i = 0; i < p->blocks; i++) {
    for (uint32_t j = 0; j < p->count; j++) {
      const int8_t *from = input + (uint32_t)tg_max(0, tg_min(indices[j], last)) * p->run;
      for (uint32_t k = 0; k < p->run; k++) {
        *output++ = from[k];
      }
    }
    input += p->length * p->run;
  }
}
