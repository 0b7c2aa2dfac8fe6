/* int8 brought to another scale with 16 bits after the point; four at once by instructions of the DSP extension. */
#ifndef TG_SCALED_H
#define TG_SCALED_H

#include "tg_dsp.h"
#include "tg_numerics.h"

/* Whether a requantization of int8 less an offset of int8 fits a halfword, with no more than 16 bits after the point. */
static TG_SMALL TG_APART int tg_scaled_fits(const tg_requant *r) {
  return r->pre == 0 && r->post <= 16 && r->multiplier >= 0 && r->multiplier <= (int32_t)((uint32_t)64 << r->post) &&
         r->offset >= -1024 && r->offset <= 1024;
}

/* x * multiplier + start is a requantized number with 16 bits after the point, of which none is lost. SMLAW takes the byte
 * in the upper half of a halfword, and leaves out 16 bits of the product: the multiplier is 2^8 times as large for it. */
#if TG_HAS_DSP || TG_DSP_ACLE
#define TG_SCALED_BITS 24
#else
#define TG_SCALED_BITS 16
#endif

typedef struct {
  int32_t multiplier;
  int32_t start;
} tg_byte_scale;

/* requantize(x - offset) + more. */
static inline tg_byte_scale tg_scaled_of(const tg_requant *r, int32_t offset, int32_t more) {
  const uint32_t round = ((uint32_t)1 << r->post) >> 1;
  const uint32_t start = (round - (uint32_t)offset * (uint32_t)r->multiplier) << (16 - r->post);
  const tg_byte_scale made = {(int32_t)((uint32_t)r->multiplier << (TG_SCALED_BITS - r->post)),
                          (int32_t)(start + ((uint32_t)(r->offset + more) << 16))};
  return made;
}

#if TG_HAS_DSP || TG_DSP_ACLE

/* Of two int8 in the upper bytes of halfwords: the integers, as halfwords. */
static inline uint32_t tg_scaled_two(uint32_t upper, tg_byte_scale s) {
#if TG_HAS_DSP
  int32_t low;
  int32_t high;
  uint32_t both;
  __asm__("smlawb %0, %1, %2, %3" : "=r"(low) : "r"(s.multiplier), "r"(upper), "r"(s.start));
  __asm__("smlawt %0, %1, %2, %3" : "=r"(high) : "r"(s.multiplier), "r"(upper), "r"(s.start));
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(both) : "r"(high), "r"(low));
  return both;
#else
  const uint32_t low = (uint32_t)__smlawb(s.multiplier, (int32_t)upper, s.start);
  const uint32_t high = (uint32_t)__smlawt(s.multiplier, (int32_t)upper, s.start);
  return (high & 0xFFFF0000u) | low >> 16;
#endif
}

/* Bytes 0 and 2 of four int8; and bytes 1 and 3. */
static inline uint32_t tg_scaled_even(uint32_t bytes, tg_byte_scale s) {
  return tg_scaled_two(bytes << 8 & 0xFF00FF00u, s);
}

static inline uint32_t tg_scaled_odd(uint32_t bytes, tg_byte_scale s) { return tg_scaled_two(bytes & 0xFF00FF00u, s); }

#if TG_DSP_ACLE && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* of what gcc's own __usat16 gives */
#endif

/* Halfwords of even and of odd places to bytes, between 0 and 255. */
static inline uint32_t tg_scaled_bytes(uint32_t even, uint32_t odd) {
#if TG_HAS_DSP
  __asm__("usat16 %0, #8, %1" : "=r"(even) : "r"(even));
  __asm__("usat16 %0, #8, %1" : "=r"(odd) : "r"(odd));
#else
  even = (uint32_t)__usat16((int16x2_t)even, 8);
  odd = (uint32_t)__usat16((int16x2_t)odd, 8);
#endif
  return even | odd << 8;
}

#if TG_DSP_ACLE && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif

#endif
