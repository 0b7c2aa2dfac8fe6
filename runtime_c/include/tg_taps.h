/* Entries of the tables by which an image is interpolated: the number of the first of two pixels in bits 31 to 16, whether
 * the second is the next one in bit 15. */
#ifndef TG_TAPS_H
#define TG_TAPS_H

#include <stdint.h>

static inline uint32_t tg_first_pixel(uint32_t tap) { return tap >> 16; }

static inline uint32_t tg_second_pixel(uint32_t tap) { return (tap >> 16) + ((tap >> 15) & 1u); }

#endif
