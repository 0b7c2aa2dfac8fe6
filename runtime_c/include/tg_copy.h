/* Copying of bytes, shared by the kernels that move data. */
#ifndef TG_COPY_H
#define TG_COPY_H

#include <stdint.h>

/* `count` bytes that lie together, between places that do not overlap. Four at a time, as loads and stores of which none
 * waits for the one before: byte by byte, the loop itself would take as long as the copying. */
static inline void tg_copy_run(const int8_t *input, int8_t *output, uint32_t count) {
  const uint8_t *in = (const uint8_t *)input;
  uint8_t *out = (uint8_t *)output;
  for (; count >= 4; count -= 4) {
    const uint8_t first = in[0];
    const uint8_t second = in[1];
    const uint8_t third = in[2];
    const uint8_t fourth = in[3];
    out[0] = first;
    out[1] = second;
    out[2] = third;
    out[3] = fourth;
    in += 4;
    out += 4;
  }
  for (uint32_t i = 0; i < count; i++) {
    out[i] = in[i];
  }
}

#endif
