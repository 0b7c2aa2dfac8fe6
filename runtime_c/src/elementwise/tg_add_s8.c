/* Sum of two tensors: saturate(input + other), each brought to the output's scale by its own constants, of which one
 * adds the output's offset. ``other`` advances by a stride in each loop. Input and output may be the same buffer. */
#include "tg_broadcast.h"
#include "tg_compact.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_kernels.h"
#include "tg_numerics.h"
#include "tg_scaled.h"

#if !defined(TG_FOR_SIZE)
#if TG_HAS_DSP || TG_DSP_ACLE

#define TG_ADD_STEP 4   /* sums at once */
#define TG_ADD_MORE 128 /* that they are larger by, until their bytes are turned */

/* Four sums. */
static inline uint32_t tg_add_s8_four(uint32_t x, uint32_t y, tg_byte_scale first, tg_byte_scale second) {
  uint32_t even = tg_scaled_even(x, first);
  uint32_t odd = tg_scaled_odd(x, first);
#if TG_HAS_DSP
  __asm__("qadd16 %0, %1, %2" : "=r"(even) : "r"(even), "r"(tg_scaled_even(y, second)));
  __asm__("qadd16 %0, %1, %2" : "=r"(odd) : "r"(odd), "r"(tg_scaled_odd(y, second)));
#else
  even = (uint32_t)__qadd16((int16x2_t)even, (int16x2_t)tg_scaled_even(y, second));
  odd = (uint32_t)__qadd16((int16x2_t)odd, (int16x2_t)tg_scaled_odd(y, second));
#endif
  return tg_scaled_bytes(even, odd) ^ 0x80808080u;
}

/* count sums, a multiple of 4. */
static TG_APART void tg_add_s8_run(const tg_byte_scale *scales, const int8_t *x, const int8_t *y, int8_t *out,
                                   uint32_t count) {
  const tg_byte_scale first = scales[0];
  const tg_byte_scale second = scales[1];
  TG_COMPACT
  for (const int8_t *end = x + count; x < end; x += 4) {
    tg_store4(out, tg_add_s8_four(tg_load4(x), tg_load4(y), first, second));
    y += 4;
    out += 4;
  }
}

#else

#define TG_ADD_STEP 1
#define TG_ADD_MORE 0

/* count sums, count > 0. */
#if TG_ARMV6M_LOOPS

/* 19 cycles a sum that int8 holds. */
static void tg_add_s8_run(const tg_byte_scale *scales, const int8_t *x, const int8_t *y, int8_t *out,
                          uint32_t count) {
  register const int8_t *r0 __asm__("r0") = x + count;
  register const int8_t *r1 __asm__("r1") = y + count;
  register int8_t *r2 __asm__("r2") = out + count;
  register const tg_byte_scale *r3 __asm__("r3") = scales;
  register uint32_t r5 __asm__("r5") = 0 - count;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t" /* which may be the frame pointer */
      "ldmia r3!, {r4, r6}\n\t"
      "mov r8, r6\n\t"
      "ldmia r3!, {r6, r7}\n\t"
      "mov r9, r7\n\t"
      "mov r7, r6\n\t"
      "mov r6, r4\n"
      "1:\n\t"
      "ldrsb r3, [r0, r5]\n\t"
      "muls r3, r6, r3\n\t"
      "add r3, r8\n\t"
      "asrs r3, r3, #16\n\t"
      "ldrsb r4, [r1, r5]\n\t"
      "muls r4, r7, r4\n\t"
      "add r4, r9\n\t"
      "asrs r4, r4, #16\n\t"
      "adds r3, r3, r4\n\t"
      "sxtb r4, r3\n\t"
      "cmp r4, r3\n\t"
      "bne 3f\n"
      "2:\n\t"
      "strb r4, [r2, r5]\n\t"
      "adds r5, r5, #1\n\t"
      "bne 1b\n\t"
      "b 4f\n"
      "3:\n\t"
      "asrs r4, r3, #31\n\t"
      "movs r3, #127\n\t"
      "eors r4, r3\n\t"
      "b 2b\n"
      "4:\n\t"
      "pop {r7}\n\t"
      : "+r"(r3), "+r"(r5)
      : "r"(r0), "r"(r1), "r"(r2)
      : "r4", "r6", "r8", "r9", "cc", "memory");
}

#else

static int32_t tg_add_s8_scaled(int32_t x, tg_byte_scale by) { return (x * by.multiplier + by.start) >> 16; }

static void tg_add_s8_run(const tg_byte_scale *scales, const int8_t *x, const int8_t *y, int8_t *out,
                          uint32_t count) {
  const tg_byte_scale first = scales[0];
  const tg_byte_scale second = scales[1];
  for (const int8_t *end = x + count; x < end; x++) {
    *out++ = tg_clamp_s8(tg_add_s8_scaled(*x, first) + tg_add_s8_scaled(*y++, second), INT8_MIN, INT8_MAX);
  }
}

#endif
#endif
#endif

/* Elements by any constants, other's stride apart. */
static TG_SMALL TG_APART void tg_add_s8_any(const tg_add_s8_params *p, const int8_t *x, const int8_t *y, int8_t *out,
                                            uint32_t count) {
  const tg_requant input_scale = p->input_scale;
  const tg_requant other_scale = p->other_scale;
  const int32_t input_offset = p->input_offset;
  const int32_t other_offset = p->other_offset;
  const uint32_t stride = p->inner_stride;
  TG_COMPACT
  for (; count > 0; count--) {
    const uint32_t a = (uint32_t)tg_requantize(*x++ - input_offset, &input_scale);
    const uint32_t b = (uint32_t)tg_requantize(*y - other_offset, &other_scale);
    *out++ = tg_clamp_s8((int32_t)(a + b), INT8_MIN, INT8_MAX);
    y += stride;
  }
}

void tg_add_s8(const tg_add_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
  const int8_t *y;
  uint32_t fast = 0; /* elements of a run that are added so */
#if !defined(TG_FOR_SIZE)
  const tg_requant input_scale = p->input_scale;
  const tg_requant other_scale = p->other_scale;
  tg_byte_scale scales[2] = {{0, 0}, {0, 0}};
  if (p->inner_stride == 1 && tg_scaled_fits(&input_scale) && tg_scaled_fits(&other_scale)) {
    scales[0] = tg_scaled_of(&input_scale, p->input_offset, TG_ADD_MORE);
    scales[1] = tg_scaled_of(&other_scale, p->other_offset, 0);
    fast = p->inner & ~(uint32_t)(TG_ADD_STEP - 1);
  }
#endif
  TG_BROADCAST_RUNS(p, other, y) {
#if !defined(TG_FOR_SIZE)
    if (fast > 0) {
      tg_add_s8_run(scales, input, y, output, fast);
    }
#endif
    if (fast < p->inner) {
      tg_add_s8_any(p, input + fast, y + fast, output + fast, p->inner - fast);
    }
    input += p->inner;
    output += p->inner;
  }
}

#undef TG_ADD_MORE
#undef TG_ADD_STEP
