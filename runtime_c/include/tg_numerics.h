/* Integer arithmetic of the kernels: what Glow's bundles compute, without undefined behaviour. */
#ifndef TG_NUMERICS_H
#define TG_NUMERICS_H

#include <stdint.h>

/* x * scale + offset in integers: ((((x >> pre) * multiplier) + round) >> post) + offset, round = (1 << post) / 2.
 * The compiler chooses the constants; pre and post are 0 to 31. */
typedef struct {
  int32_t multiplier;
  int32_t offset;
  uint8_t pre;
  uint8_t post;
} tg_requant;

static inline int32_t tg_max(int32_t a, int32_t b) { return a > b ? a : b; }

static inline int32_t tg_min(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int8_t tg_clamp_s8(int32_t x, int32_t low, int32_t high) { return (int8_t)tg_max(low, tg_min(x, high)); }

/* Values far outside the int8 range may wrap, as they do in Glow; unsigned arithmetic makes that defined. Shifting a
 * negative number to the right is arithmetic on every compiler that is supported. */
static inline int32_t tg_requantize(int32_t x, const tg_requant *r) {
  const uint32_t product = (uint32_t)(x >> r->pre) * (uint32_t)r->multiplier;
  const uint32_t half = ((uint32_t)1 << r->post) >> 1;
  const int32_t scaled = (int32_t)(product + half) >> r->post;
  return (int32_t)((uint32_t)scaled + (uint32_t)r->offset);
}

/* Requantization with the output's offset added before the last shift, which is the same where the compiler proves that
 * nothing wraps: ((x >> pre) * multiplier + round) >> post, brought between min and max. */
static inline int32_t tg_folded_round(const tg_requant *r) {
  return (int32_t)((((uint32_t)1 << r->post) >> 1) + ((uint32_t)r->offset << r->post));
}

static inline int8_t tg_requantize_folded(int32_t x, int32_t pre, int32_t multiplier, int32_t round, int32_t post,
                                          int32_t min, int32_t max) {
  const uint32_t product = (uint32_t)(x >> pre) * (uint32_t)multiplier;
  return tg_clamp_s8((int32_t)(product + (uint32_t)round) >> post, min, max);
}

/* A requantized sum x behind a convolution's activation. min, max: bounds of a ReLU or clip, else those of int8; with
 * leaky, values below negative->offset (real zero) are scaled by negative first. */
static inline int8_t tg_activate_s8(int32_t x, int32_t min, int32_t max, int32_t leaky, const tg_requant *negative) {
  if (leaky && x < negative->offset) {
    x = tg_requantize((int32_t)((uint32_t)x - (uint32_t)negative->offset), negative);
  }
  return tg_clamp_s8(x, min, max);
}

/* The sums of products of two pixels' inputs, which lie in the halves of words, to those of each pixel. */
static inline void tg_add_halves(uint32_t words, int32_t *low, int32_t *high) {
  const int32_t half = (int32_t)((words & 0xFFFFu) ^ 0x8000u) - 0x8000;
  *low += half;
  *high += (int32_t)(words - (uint32_t)half) >> 16;
}

#endif
