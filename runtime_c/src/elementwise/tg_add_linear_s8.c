/* Sum of two tensors by one linear formula: saturate((input * multiplier + other * multiplier + start) >> shift). The
 * compiler proves that nothing leaves 32 bits. ``other`` advances by a stride in each loop. Input and output may be the same
 * buffer. */
#include "tg_broadcast.h"
#include "tg_core.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#if TG_ARMV6M_LOOPS

/* A run, which is not empty, of elements of other that are stride apart: 20 cycles a sum that int8 holds. */
static void tg_add_linear_s8_run(const tg_add_linear_s8_params *p, const int8_t *x, const int8_t *y, int8_t *out) {
  const tg_i32 words[5] = {p->start, p->shift, (int32_t)p->inner_stride, p->input_multiplier, p->other_multiplier};
  register const int8_t *r0 __asm__("r0") = x + p->inner;
  register const int8_t *r1 __asm__("r1") = y;
  register int8_t *r2 __asm__("r2") = out + p->inner;
  register const tg_i32 *r3 __asm__("r3") = words;
  register uint32_t r5 __asm__("r5") = 0 - p->inner;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t" /* which may be the frame pointer */
      ".irp place, 8, 9, 10\n\t"
      "ldmia r3!, {r4}\n\t"
      "mov r\\place, r4\n\t"
      ".endr\n\t"
      "ldmia r3!, {r6, r7}\n"
      "1:\n\t"
      "movs r4, #0\n\t"
      "ldrsb r4, [r1, r4]\n\t"
      "add r1, r10\n\t"
      "ldrsb r3, [r0, r5]\n\t"
      "muls r4, r7, r4\n\t"
      "muls r3, r6, r3\n\t"
      "adds r3, r3, r4\n\t"
      "add r3, r8\n\t"
      "mov r4, r9\n\t"
      "asrs r3, r3, r4\n\t"
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
      : "+r"(r1), "+r"(r3), "+r"(r5)
      : "r"(r0), "r"(r2)
      : "r4", "r6", "r8", "r9", "r10", "cc", "memory");
}

#endif

void tg_add_linear_s8(const tg_add_linear_s8_params *p, const int8_t *input, const int8_t *other, int8_t *output) {
#if TG_ARMV6M_LOOPS
  const uint32_t count = p->inner;
  const int8_t *y;
  TG_BROADCAST_RUNS(p, other, y) {
    if (count > 0) {
      tg_add_linear_s8_run(p, input, y, output);
    }
    input += count;
    output += count;
  }
#else
  const int32_t input_multiplier = p->input_multiplier;
  const int32_t other_multiplier = p->other_multiplier;
  const int32_t start = p->start;
  const int32_t shift = p->shift;
  const int8_t *y;
  TG_BROADCAST(p, other, y) {
    const int32_t sum = (*input++ * input_multiplier + *y * other_multiplier + start) >> shift;
    *output++ = tg_clamp_s8(sum, INT8_MIN, INT8_MAX);
  }
#endif
}
