/* Change of scale and offset, with or without a ReLU: saturate(requantize(max(input, in_min) - in_offset)).
 * Input and output may be the same buffer. */
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_scaled.h"

static TG_SMALL TG_APART int8_t tg_rescale_s8_one(int32_t x, int32_t in_offset, const tg_requant *out) {
  return tg_clamp_s8(tg_requantize(x - in_offset, out), INT8_MIN, INT8_MAX);
}

#if !defined(TG_FOR_SIZE)

#if TG_HAS_DSP || TG_DSP_ACLE

/* Four results, plus 128 each; low: what the least input gives, plus 128, in all bytes. */
static inline uint32_t tg_rescale_s8_four(uint32_t bytes, tg_byte_scale s, uint32_t low, uint32_t low_less_128) {
  uint32_t result = tg_scaled_bytes(tg_scaled_even(bytes, s), tg_scaled_odd(bytes, s));
#if TG_HAS_DSP
  __asm__("uqsub8 %0, %1, %2" : "=r"(result) : "r"(result), "r"(low));
  __asm__("uadd8 %0, %1, %2" : "=r"(result) : "r"(result), "r"(low_less_128));
  return result;
#else
  return (uint32_t)__uadd8((uint8x4_t)__uqsub8((uint8x4_t)result, (uint8x4_t)low), (uint8x4_t)low_less_128);
#endif
}

/* count elements, a multiple of 4: about 19 cycles for 4 on the M4, 14 on the M7. */
static TG_APART void tg_rescale_s8_words(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output,
                                         uint32_t count) {
  const tg_requant out = p->out;
  const tg_byte_scale s = tg_scaled_of(&out, p->in_offset, 128);
  const uint32_t least = (uint8_t)tg_rescale_s8_one(p->in_min, p->in_offset, &out);
  const uint32_t low_less_128 = least * 0x1010101u;
  const uint32_t low = low_less_128 ^ 0x80808080u;
  TG_COMPACT
  for (const int8_t *end = input + count; input < end; input += 4) {
    tg_store4(output, tg_rescale_s8_four(tg_load4(input), s, low, low_less_128));
    output += 4;
  }
}

#else

/* count elements. */
static TG_SMALL TG_APART void tg_rescale_s8_words(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output,
                                                  uint32_t count) {
  const tg_requant out = p->out;
  const int32_t least = tg_rescale_s8_one(p->in_min, p->in_offset, &out);
  const int32_t multiplier = out.multiplier;
  const int32_t start = tg_folded_round(&out) - p->in_offset * multiplier;
  const int32_t post = out.post;
#if TG_ARMV6M_LOOPS
  /* 16 cycles each. */
  register const int8_t *r0 __asm__("r0") = input + count;
  register int8_t *r1 __asm__("r1") = output + count;
  register int32_t r2 __asm__("r2") = -(int32_t)count;
  register int32_t r3 __asm__("r3") = multiplier;
  register int32_t r5 __asm__("r5") = post;
  register int32_t r8 __asm__("r8") = start;
  register int32_t r9 __asm__("r9") = least;
  __asm__ volatile(
      ".syntax unified\n\t"
      "cmp r2, #0\n\t"
      "beq 4f\n"
      "1:\n\t"
      "ldrsb r4, [r0, r2]\n\t"
      "muls r4, r3, r4\n\t"
      "add r4, r8\n\t"
      "asrs r4, r4, r5\n\t"
      "cmp r4, r9\n\t"
      "bge 2f\n\t"
      "mov r4, r9\n"
      "2:\n\t"
      "cmp r4, #127\n\t"
      "ble 3f\n\t"
      "movs r4, #127\n"
      "3:\n\t"
      "strb r4, [r1, r2]\n\t"
      "adds r2, r2, #1\n\t"
      "bne 1b\n"
      "4:\n\t"
      : "+r"(r2)
      : "r"(r0), "r"(r1), "r"(r3), "r"(r5), "r"(r8), "r"(r9)
      : "r4", "cc", "memory");
#else
  TG_COMPACT
  for (const int8_t *end = input + count; input < end; input++) {
    *output++ = tg_clamp_s8((*input * multiplier + start) >> post, least, INT8_MAX);
  }
#endif
}

#endif

#endif

void tg_rescale_s8(const tg_rescale_s8_params *p, const int8_t *input, int8_t *output) {
  /* Copies: for all that the compiler knows, output may overwrite what p points at. */
  const tg_requant out = p->out;
  const int32_t in_min = p->in_min;
  const int32_t in_offset = p->in_offset;
  const int8_t *end = input + p->count;
#if !defined(TG_FOR_SIZE)
  if (tg_scaled_fits(&out)) {
#if TG_HAS_DSP || TG_DSP_ACLE
    const uint32_t whole = p->count & ~(uint32_t)3;
#else
    const uint32_t whole = p->count;
#endif
    tg_rescale_s8_words(p, input, output, whole);
    input += whole;
    output += whole;
  }
#endif
  TG_COMPACT
  while (input < end) {
    *output++ = tg_rescale_s8_one(tg_max(*input++, in_min), in_offset, &out);
  }
}
