/* Two products in one multiplication: inputs x0 and x1 of two pixels lie in one word, x0 + x1 * 2^16, and a weight times
 * that word is both products, each in its half. The compiler cuts the weights of a channel into chunks within which no
 * half can overflow: |weights| of a chunk add up to 255 at most, so that its sums stay within 16 bits for any int8 input.
 *
 * A channel's weights are a stream of bytes: for each chunk a header, (TG_LANES_TAPS - taps) * 16, and its taps, each a
 * weight plus an offset; behind the last, TG_LANES_END. Headers are distances in the code for ARMv6-M, where a tap takes
 * 16 bytes. */
#ifndef TG_LANES_H
#define TG_LANES_H

#include <stdint.h>

#define TG_LANES_TAPS 12
#define TG_LANES_END 214

#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* sums[0 .. 3] += products with pixels 0 to 3; x: two words a tap, {pixel 0, pixel 1} and {pixel 2, pixel 3}. offset: what
 * is taken off each byte of the stream. Even sums, those of lower halves, come out larger by 2^15 for each chunk, which
 * the compiler takes off the bias. Returns the stream behind the channel's end.
 *
 * 11 cycles a tap of four products, 17 a chunk. A half starts at 2^15, so that it is never negative and the upper half
 * never owes it a one. */
static inline const uint8_t *tg_lanes_dot(const uint32_t *x, const uint8_t *stream, int32_t offset, int32_t *sums) {
  register const uint32_t *r0 __asm__("r0") = x;
  register const uint8_t *r1 __asm__("r1") = stream;
  register int32_t r2 __asm__("r2") = -offset;
  register int32_t r3 __asm__("r3") = 1 << 15;
  register int32_t *r4 __asm__("r4") = sums;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r4}\n\t"
      "mov r12, r2\n\t"
      "mov lr, r3\n\t"
      "ldmia r4!, {r2, r3, r5, r6}\n\t"
      "mov r8, r2\n\t"
      "mov r9, r3\n\t"
      "mov r10, r5\n\t"
      "mov r11, r6\n\t"
      "mov r5, lr\n\t"
      "mov r6, lr\n"
      "1:\n\t"
      "ldrb r2, [r1]\n\t"
      "adds r1, r1, #1\n\t"
      "add pc, r2\n\t"
      "nop\n\t"
      ".rept 12\n\t"
      "ldrb r2, [r1]\n\t"
      "adds r1, r1, #1\n\t"
      "add r2, r12\n\t"
      "ldmia r0!, {r3, r4}\n\t"
      "muls r3, r2, r3\n\t"
      "muls r4, r2, r4\n\t"
      "adds r5, r5, r3\n\t"
      "adds r6, r6, r4\n\t"
      ".endr\n\t"
      "uxth r3, r5\n\t"
      "add r8, r3\n\t"
      "asrs r5, r5, #16\n\t"
      "add r9, r5\n\t"
      "mov r5, lr\n\t"
      "uxth r4, r6\n\t"
      "add r10, r4\n\t"
      "asrs r6, r6, #16\n\t"
      "add r11, r6\n\t"
      "mov r6, lr\n\t"
      "b 1b\n\t"
      "pop {r4}\n\t"
      "mov r2, r8\n\t"
      "mov r3, r9\n\t"
      "mov r5, r10\n\t"
      "mov r6, r11\n\t"
      "stmia r4!, {r2, r3, r5, r6}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
      :
      : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
  return r1;
}

#else

static inline const uint8_t *tg_lanes_dot(const uint32_t *x, const uint8_t *stream, int32_t offset, int32_t *sums) {
  for (; *stream != TG_LANES_END;) {
    int32_t taps = TG_LANES_TAPS - *stream++ / 16;
    sums[0] += 1 << 15;
    sums[2] += 1 << 15;
    for (; taps > 0; taps--) {
      const int32_t weight = *stream++ - offset;
      for (int32_t pair = 0; pair < 2; pair++) {
        const int32_t low = (int32_t)((x[pair] & 0xFFFFu) ^ 0x8000u) - 0x8000;
        const int32_t high = (int32_t)(x[pair] - (uint32_t)low) >> 16;
        sums[2 * pair] += low * weight;
        sums[2 * pair + 1] += high * weight;
      }
      x += 2;
    }
  }
  return stream + 1;
}

#endif

#endif
