/* Two products in one multiplication: inputs x0 and x1 of two pixels lie in one word, x0 + x1 * 2^16, and a weight times
 * that word is both products, each in its half. The compiler cuts the weights of a channel into chunks within which no
 * half can overflow: |weights| of a chunk add up to 255 at most, so that its sums stay within 16 bits for any int8 input.
 *
 * A channel's weights are a stream of bytes: for each chunk a header, TG_DUAL_MAC_HEADER plus how many taps it has, and its
 * taps, each a weight plus an offset; after the last, TG_DUAL_MAC_END. In the code for ARMv6-M a header is also the distance
 * to jump back, in taps of 14 bytes each. */
#ifndef TG_DUAL_MAC_H
#define TG_DUAL_MAC_H

#include "tg_core.h"
#include "tg_numerics.h"
#include "tg_sum_ends.h"

#define TG_DUAL_MAC_HEADER 2
#define TG_DUAL_MAC_TAPS 16
#define TG_DUAL_MAC_END 0

/* Of one tile of four pixels. output: of pixel 0, channel 0; end: that after its last channel; pixel i of a channel is at
 * steps[i - 1] bytes from pixel 0, or, with pool, the four give one result, their maximum. bias: {of pixels 0 and 2, of
 * pixels 1 and 3} of each channel: the sums of the former, the lower halfwords, come out larger by 2^15 for each chunk of
 * the channel, which the compiler has taken off. The rest: tg_requantize's constants, the output's offset being part of
 * round, and bounds. Where each channel has a scale of its own, after its biases, round is 2 * offset + 1, and pre,
 * multiplier and post are not used. The code for ARMv6-M knows the fields by their places. */
typedef struct {
  const uint32_t *columns;
  const int32_t *bias;
  int8_t *output;
  int8_t *end;
  int32_t negative_offset;
  int32_t pre;
  int32_t multiplier;
  int32_t round;
  int32_t post;
  int32_t min;
  int32_t max;
  int32_t steps[3];
  int32_t pool;
} tg_dual_mac_tile;

#if TG_ARMV6M_LOOPS

/* The chunks of a channel: r0: columns, r1: stream less TG_DUAL_MAC_TAPS, r12: minus the offset, lr: 2^15, which r5 and r6
 * begin with. Words of both halves add up in r8 and r10, upper halves in r9 and r11. A header, times r7, leads back to as
 * many taps as the chunk has, and the last one, of 0, behind the loop and what is between. What r1 points to moves on by a
 * chunk before its taps, so that they find their weights at fixed distances. between: a halfword that nothing runs into. */
#define TG_DUAL_MAC_CHUNKS(between)                                       \
  "movs r7, #14\n\t"                                                      \
  "rsbs r7, r7, #0\n\t"                                                   \
  "b 2f\n\t"                                                              \
  ".irp tap, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"    \
  "ldrb r2, [r1, #\\tap]\n\t"                                             \
  "add r2, r12\n\t"                                                       \
  "ldmia r0!, {r3, r4}\n\t"                                               \
  "muls r3, r2, r3\n\t"                                                   \
  "muls r4, r2, r4\n\t"                                                   \
  "adds r5, r5, r3\n\t"                                                   \
  "adds r6, r6, r4\n\t"                                                   \
  ".endr\n\t"                                                             \
  "add r8, r5\n\t"                                                        \
  "asrs r5, r5, #16\n\t"                                                  \
  "add r9, r5\n\t"                                                        \
  "add r10, r6\n\t"                                                       \
  "asrs r6, r6, #16\n\t"                                                  \
  "add r11, r6\n"                                                         \
  "2:\n\t"                                                                \
  "mov r5, lr\n\t"                                                        \
  "mov r6, lr\n\t"                                                        \
  "ldrb r2, [r1, #" TG_SUM_TEXT(TG_DUAL_MAC_TAPS) "]\n\t"                                                \
  "adds r1, r1, r2\n\t"                                                   \
  "subs r1, r1, #1\n\t"                                                   \
  "muls r2, r7, r2\n\t"                                                   \
  "add pc, r2\n" between                                                  \
  "adds r1, r1, #2\n\t"

/* Two sums to where chunks are added, and from there; r0 is free. As the sums of upper halves are known, what the words add
 * up to beyond them is the sum of lower halves. */
#define TG_DUAL_MAC_JOIN(low, high)   \
  "lsls r0, " high ", #16\n\t"        \
  "adds " low ", " low ", r0\n\t"
#define TG_DUAL_MAC_PART(low, high)   \
  "lsls r0, " high ", #16\n\t"        \
  "subs " low ", " low ", r0\n\t"

/* Bounds: few sums are above the upper one, in r0, and branch away. */
#define TG_DUAL_MAC_BELOW(sum, away, back) \
  "cmp " sum ", r0\n\t" \
  "bgt " away "f\n" \
  back ":\n\t"
#define TG_DUAL_MAC_ABOVE(sum, away, back) \
  away ":\n\t" \
  "mov " sum ", r0\n\t" \
  "b " back "b\n"

/* Ends for narrow epilogues, whose bits and half they take: see tg_epilogue_last.h for a channel's words. The multiplier's
 * parts to r4, r5 and r6, what is added to the product to r12, and the shift after that to r7, which END finds again. The
 * words come after two biases. */
#define TG_DUAL_MAC_NARROW_WORDS(bits, half) \
  "ldr r0, [r7, #4]\n\t" \
  "adds r0, #8\n\t" \
  "ldmia r0!, {r4, r5}\n\t" \
  "str r0, [r7, #4]\n\t" \
  "ldr r0, [r7, #28]\n\t" \
  "adds r7, r5, #1\n\t" \
  "lsls r0, r0, r7\n\t" \
  ".if (" TG_SUM_TEXT(half) ") == (1 << (" TG_SUM_TEXT(bits) " - 1))\n\t" \
  "adds r0, #1\n\t" \
  "lsls r0, r0, #" TG_SUM_TEXT(bits) " - 1\n\t" \
  ".else\n\t" \
  "lsls r0, r0, #" TG_SUM_TEXT(bits) " - 1\n\t" \
  ".if " TG_SUM_TEXT(half) "\n\t" \
  "adds r0, #" TG_SUM_TEXT(half) "\n\t" \
  ".endif\n\t" \
  ".endif\n\t" \
  "mov r12, r0\n\t" \
  "adds r7, #" TG_SUM_TEXT(bits) "\n\t" \
  "lsls r6, r4, #22\n\t" \
  "lsrs r6, r6, #22\n\t" \
  "lsls r5, r4, #12\n\t" \
  "lsrs r5, r5, #22\n\t" \
  "lsrs r4, r4, #20\n\t"
#define TG_DUAL_MAC_NARROW_END \
  "ldr r7, [sp]\n\t" \
  "ldr r0, [r7, #16]\n\t" \
  "mov r12, r0\n\t"
/* Sums in r2, r9, r5 and r11 to r2, r3, r5 and r6; one in r2 to r2; keep: of the sum in r2, for the test. */
#define TG_DUAL_MAC_NARROW_FOUR(bits, half, keep, test) \
  "mov r10, r5\n\t" keep \
  TG_DUAL_MAC_NARROW_WORDS(bits, half) TG_SUM_NARROW(test("r8")) \
  "mov r8, r2\n\t" \
  "mov r2, r9\n\t" TG_SUM_NARROW(test("r9")) \
  "mov r9, r2\n\t" \
  "mov r2, r10\n\t" TG_SUM_NARROW(test("r10")) \
  "mov r10, r2\n\t" \
  "mov r2, r11\n\t" TG_SUM_NARROW(test("r11")) TG_DUAL_MAC_NARROW_END \
  "mov r6, r2\n\t" \
  "mov r2, r8\n\t" \
  "mov r3, r9\n\t" \
  "mov r5, r10\n\t"
#define TG_DUAL_MAC_NARROW_ONE(bits, half, keep, test) \
  keep TG_DUAL_MAC_NARROW_WORDS(bits, half) TG_SUM_NARROW(test("r8")) TG_DUAL_MAC_NARROW_END
/* Ends for epilogues that multiply by 31 bits, LESS being TG_EPILOGUE_<NAME>_LONG_LESS: the multiplier's halves to r4 and r5,
 * the shift after the product to r6, and what is added to it to r7. */
#define TG_DUAL_MAC_LONG_WORDS \
  "ldr r0, [r7, #4]\n\t" \
  "adds r0, #8\n\t" \
  "ldmia r0!, {r4, r6}\n\t" \
  "str r0, [r7, #4]\n\t" \
  "ldr r7, [r7, #28]\n\t" \
  "lsls r7, r7, r6\n\t" \
  "adds r6, r6, #1\n\t" \
  "lsrs r5, r4, #16\n\t" \
  "uxth r4, r4\n\t"
#define TG_DUAL_MAC_LONG_END "ldr r7, [sp]\n\t"
#define TG_DUAL_MAC_LONG_FOUR(LESS) \
  "mov r10, r5\n\t" TG_DUAL_MAC_LONG_WORDS TG_SUM_LONG(LESS) \
  "mov r8, r2\n\t" \
  "mov r2, r9\n\t" TG_SUM_LONG(LESS) \
  "mov r9, r2\n\t" \
  "mov r2, r10\n\t" TG_SUM_LONG(LESS) \
  "mov r10, r2\n\t" \
  "mov r2, r11\n\t" TG_SUM_LONG(LESS) TG_DUAL_MAC_LONG_END \
  "mov r6, r2\n\t" \
  "mov r2, r8\n\t" \
  "mov r3, r9\n\t" \
  "mov r5, r10\n\t"
#define TG_DUAL_MAC_LONG_ONE(LESS) TG_DUAL_MAC_LONG_WORDS TG_SUM_LONG(LESS) TG_DUAL_MAC_LONG_END
/* Where results that lie half way are looked at: the sum in r3, the number before its shift in r2. */
#define TG_DUAL_MAC_NARROW_APART(function, shift) \
  "90:\n\t" \
  "push {r1, r2, lr}\n\t" \
  "mov r0, r12\n\t" \
  "push {r0}\n\t" \
  "mov r0, r3\n\t" \
  "mov r1, r4\n\t" \
  "mov r2, r5\n\t" \
  "mov r3, r6\n\t" \
  "bl " function "\n\t" \
  "lsls r0, r0, #" TG_SUM_TEXT(shift) "\n\t" \
  "pop {r3}\n\t" \
  "mov r12, r3\n\t" \
  "pop {r1, r2}\n\t" \
  "adds r2, r2, r0\n\t" \
  "movs r3, #128\n\t" \
  "lsls r3, r3, #8\n\t" \
  "mov lr, r3\n\t" \
  "pop {pc}\n\t"

/* sums[0 .. 3] += products of a channel, as the above has them in r8 to r11; returns the stream after it. */
static inline const uint8_t *tg_dual_mac_sums(const tg_dual_mac_tile *tile, const uint8_t *stream, tg_i32 *sums) {
  register const tg_u32 *r0 __asm__("r0") = tile->columns;
  register const uint8_t *r1 __asm__("r1") = stream;
  register tg_i32 *r2 __asm__("r2") = sums;
  register int32_t r3 __asm__("r3") = tile->negative_offset;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r0, r2, r7}\n\t" /* r7 may be the frame pointer */
      "mov r12, r3\n\t"
      "movs r3, #128\n\t"
      "lsls r3, r3, #8\n\t"
      "mov lr, r3\n\t"
      "ldmia r2!, {r3, r4, r5, r6}\n\t"
      TG_DUAL_MAC_JOIN("r3", "r4") TG_DUAL_MAC_JOIN("r5", "r6")
      "pop {r0}\n\t"
      "mov r8, r3\n\t"
      "mov r9, r4\n\t"
      "mov r10, r5\n\t"
      "mov r11, r6\n\t"
      "subs r1, r1, #" TG_SUM_TEXT(TG_DUAL_MAC_TAPS) "\n\t"
      TG_DUAL_MAC_CHUNKS("nop\n\t")
      "adds r1, r1, #" TG_SUM_TEXT(TG_DUAL_MAC_TAPS) "\n\t"
      "pop {r2, r7}\n\t"
      "mov r3, r8\n\t"
      "mov r4, r9\n\t"
      "mov r5, r10\n\t"
      "mov r6, r11\n\t"
      TG_DUAL_MAC_PART("r3", "r4") TG_DUAL_MAC_PART("r5", "r6")
      "stmia r2!, {r3, r4, r5, r6}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
  return r1;
}

/* The inputs of a tile: count words of each pair, from four places, of which the others lie at ``places`` from x. */
static inline uint32_t *tg_dual_mac_lay_out(const int8_t *x, const int32_t *places, int32_t count, uint32_t *out) {
  register const int8_t *r0 __asm__("r0") = x;
  register const int32_t *r1 __asm__("r1") = places;
  register const int8_t *r2 __asm__("r2") = x + count;
  register uint32_t *r3 __asm__("r3") = out;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "mov r7, r3\n\t"
      "mov r12, r2\n\t"
      "ldmia r1, {r1, r2, r3}\n"
      "1:\n\t"
      "ldrb r4, [r0]\n\t"
      "sxtb r4, r4\n\t"
      "ldrsb r5, [r0, r1]\n\t"
      "lsls r5, r5, #16\n\t"
      "adds r4, r4, r5\n\t"
      "ldrsb r5, [r0, r2]\n\t"
      "ldrsb r6, [r0, r3]\n\t"
      "lsls r6, r6, #16\n\t"
      "adds r5, r5, r6\n\t"
      "stmia r7!, {r4, r5}\n\t"
      "adds r0, r0, #1\n\t"
      "cmp r0, r12\n\t"
      "bne 1b\n\t"
      "mov r3, r7\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r12", "cc", "memory");
  return r3;
}

#else

static inline uint32_t *tg_dual_mac_lay_out(const int8_t *x, const int32_t *places, int32_t count, uint32_t *out) {
  for (; count > 0; count--) {
    *out++ = (uint32_t)*x + ((uint32_t)x[places[0]] << 16);
    *out++ = (uint32_t)x[places[1]] + ((uint32_t)x[places[2]] << 16);
    x++;
  }
  return out;
}

/* sums[0 .. 3] += products of a channel; returns the stream after it. */
static inline const uint8_t *tg_dual_mac_sums(const tg_dual_mac_tile *tile, const uint8_t *stream, int32_t *sums) {
  const uint32_t *x = tile->columns;
  const uint32_t negative_offset = (uint32_t)tile->negative_offset;
  while (*stream != TG_DUAL_MAC_END) {
    const uint8_t *const end = stream + *stream - (TG_DUAL_MAC_HEADER - 1);
    uint32_t first = (uint32_t)1 << 15;
    uint32_t second = (uint32_t)1 << 15;
    for (stream++; stream < end; stream++) {
      const uint32_t weight = *stream + negative_offset;
      first += weight * x[0];
      second += weight * x[1];
      x += 2;
    }
    sums[0] += (int32_t)(first & 0xFFFFu);
    sums[1] += (int32_t)first >> 16;
    sums[2] += (int32_t)(second & 0xFFFFu);
    sums[3] += (int32_t)second >> 16;
  }
  return stream + 1;
}

#endif

#endif
