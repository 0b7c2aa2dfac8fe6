/* Winograd's algorithm in exact integers (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016) for cores
 * without DSP extension: F(2, 3) along columns and F(4, 3) along rows, 24 products for 72.
 *
 * A tile is two rows of four outputs. Its 4x6 inputs d become V = B'd C, sums of inputs that fit 16 bits; a filter g became,
 * when the network was compiled, U = F g H', with F and H that have no fractions, and fits 16 bits too. M = sum over channels
 * of U * V, number by number, and what comes of M is 48 times what the window sums to. All of it is computed modulo 2^32:
 * whatever overflows on the way, the inverse of 3 there and a shift by four end it exactly, as sums are below 2^27.
 *
 * Places of a tile are numbered down its columns. V: three times eight places, of each input channel eight halfwords. U: of
 * eight output channels, for each place and input channel four words of two channels each. Input channels are filled up to a
 * multiple of eight, where U is zero.
 *
 * A word of U as it is times V is the product of its lower channel, and 2^16 times that of its upper one, which is taken off
 * at the end. The lower halves must not be negative for that: so the four corners of each filter that lies there are larger
 * by a number. A tile's sums of inputs at the corners of windows, the same for all filters, are taken off too. */
#ifndef TG_WINOGRAD_TILE_H
#define TG_WINOGRAD_TILE_H

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_dsp.h"
#include "tg_numerics.h"

#define TG_WINOGRAD_TILE_W 6 /* pixels of a tile's inputs */
#define TG_WINOGRAD_TILE_ROWS 4
#define TG_WINOGRAD_TILE_PLACES 24
#define TG_WINOGRAD_TILE_BLOCK 8 /* output channels at once */
#define TG_WINOGRAD_TILE_THIRD 0xAAAAAAABu /* times 3: 1 modulo 2^32 */

/* All products of a tile and eight output channels: to m, at each place the sums of the eight. channels: with those that
 * fill them up. */
#if TG_ARMV6M_LOOPS

/* An input channel: 28 cycles for eight products. Sums are in r8 to r12, lr, r6 and r7; r0 is how far V lies from U. */
#define TG_WINOGRAD_TILE_CHANNEL \
  "ldrsh r2, [r0, r1]\n\t"       \
  "ldmia r1!, {r3, r4}\n\t"      \
  "asrs r5, r3, #16\n\t"         \
  "muls r3, r2, r3\n\t"          \
  "add r8, r3\n\t"               \
  "muls r5, r2, r5\n\t"          \
  "add r9, r5\n\t"               \
  "asrs r5, r4, #16\n\t"         \
  "muls r4, r2, r4\n\t"          \
  "add r10, r4\n\t"              \
  "muls r5, r2, r5\n\t"          \
  "add r11, r5\n\t"              \
  "ldmia r1!, {r3, r4}\n\t"      \
  "asrs r5, r3, #16\n\t"         \
  "muls r3, r2, r3\n\t"          \
  "add r12, r3\n\t"              \
  "muls r5, r2, r5\n\t"          \
  "add lr, r5\n\t"               \
  "asrs r5, r4, #16\n\t"         \
  "muls r4, r2, r4\n\t"          \
  "adds r6, r6, r4\n\t"          \
  "muls r5, r2, r5\n\t"          \
  "adds r7, r7, r5\n\t"

static TG_APART void tg_winograd_tile_products(const tg_i16 *v, const tg_u32 *u, int32_t channels, tg_u32 *m) {
  register const tg_i16 *r0 __asm__("r0") = v;
  register const tg_u32 *r1 __asm__("r1") = u;
  register int32_t r2 __asm__("r2") = channels;
  register tg_u32 *r3 __asm__("r3") = m;
  __asm__ volatile(
      ".syntax unified\n\t"
      "lsls r2, r2, #4\n\t"
      "movs r4, #24\n\t"
      "mov r5, r7\n\t"
      "subs r0, r0, r1\n\t"
      "push {r1, r2, r3, r4, r5}\n" /* the place's end, bytes of a place, m, places, r7 */
      "1:\n\t"
      "ldr r3, [sp, #4]\n\t"
      "adds r3, r1, r3\n\t"
      "str r3, [sp]\n\t"
      "movs r6, #0\n\t"
      "movs r7, #0\n\t"
      "mov r8, r6\n\t"
      "mov r9, r6\n\t"
      "mov r10, r6\n\t"
      "mov r11, r6\n\t"
      "mov r12, r6\n\t"
      "mov lr, r6\n"
      "2:\n\t"
      ".rept 8\n\t"
      TG_WINOGRAD_TILE_CHANNEL
      ".endr\n\t"
      "ldr r3, [sp]\n\t"
      "cmp r1, r3\n\t"
      "beq 3f\n\t"
      "b 2b\n"
      "3:\n\t"
      "ldr r5, [sp, #8]\n\t"
      "mov r2, r8\n\t"
      "mov r3, r9\n\t"
      "mov r4, r10\n\t"
      "stmia r5!, {r2, r3, r4}\n\t"
      "mov r2, r11\n\t"
      "mov r3, r12\n\t"
      "mov r4, lr\n\t"
      "stmia r5!, {r2, r3, r4, r6, r7}\n\t"
      "str r5, [sp, #8]\n\t"
      "ldr r4, [sp, #12]\n\t"
      "subs r4, r4, #1\n\t"
      "beq 5f\n\t"
      "str r4, [sp, #12]\n\t"
      "lsls r4, r4, #29\n\t"
      "bne 4f\n\t"
      "subs r0, r0, #14\n\t" /* to the next eight places */
      "b 1b\n"
      "4:\n\t"
      "ldr r4, [sp, #4]\n\t"
      "subs r0, r0, r4\n\t"
      "adds r0, r0, #2\n\t"
      "b 1b\n"
      "5:\n\t"
      "ldr r7, [sp, #16]\n\t"
      "add sp, sp, #20\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_winograd_tile_products(const tg_i16 *v, const tg_u32 *u, int32_t channels, tg_u32 *m) {
  for (int32_t place = 0; place < TG_WINOGRAD_TILE_PLACES; place++) {
    const tg_i16 *x = v + (place >> 3) * 8 * channels + (place & 7);
    uint32_t sums[TG_WINOGRAD_TILE_BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int32_t channel = 0; channel < channels; channel++) {
      const uint32_t factor = (uint32_t)*x;
      for (int32_t i = 0; i < TG_WINOGRAD_TILE_BLOCK; i += 2) {
        const uint32_t word = *u++;
        sums[i] += word * factor;
        sums[i + 1] += (uint32_t)tg_half(word, 1) * factor;
      }
      x += 8;
    }
    for (int32_t i = 0; i < TG_WINOGRAD_TILE_BLOCK; i++) {
      *m++ = sums[i];
    }
  }
}

#endif

/* Of a channel, whose M are eight words apart, 48, 24, 12 and 12 times the sums of each row's outputs. */
#if TG_ARMV6M_LOOPS

/* Of a column of M from r0 on: what it comes to for the upper outputs and for the lower ones. */
#define TG_WINOGRAD_TILE_COLUMN(upper, lower) \
  "ldr " lower ", [r0, #32]\n\t"              \
  "ldr r3, [r0, #64]\n\t"                     \
  "adds " upper ", " lower ", r3\n\t"         \
  "subs " lower ", " lower ", r3\n\t"         \
  "ldr r3, [r0]\n\t"                          \
  "adds " upper ", " upper ", r3\n\t"         \
  "ldr r3, [r0, #96]\n\t"                     \
  "subs " lower ", " lower ", r3\n\t"         \
  "adds r0, r0, #128\n\t"

/* 172 cycles. */
static TG_APART void tg_winograd_tile_multiples(const tg_u32 *m, tg_u32 *multiples) {
  register const tg_u32 *r0 __asm__("r0") = m;
  register tg_u32 *r1 __asm__("r1") = multiples;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r1, r7}\n\t"
      TG_WINOGRAD_TILE_COLUMN("r1", "r2")
      "mov r8, r1\n\t"
      "mov r9, r2\n\t"
      TG_WINOGRAD_TILE_COLUMN("r4", "r5")
      TG_WINOGRAD_TILE_COLUMN("r6", "r7")
      "adds r1, r4, r6\n\t"
      "subs r4, r4, r6\n\t"
      "adds r2, r5, r7\n\t"
      "subs r5, r5, r7\n\t"
      "mov r10, r1\n\t"
      "mov r11, r2\n\t"
      "mov r12, r4\n\t"
      "mov lr, r5\n\t"
      "lsls r1, r1, #1\n\t"
      "add r1, r8\n\t"
      "lsls r1, r1, #1\n\t"
      "mov r8, r1\n\t"
      "lsls r2, r2, #1\n\t"
      "add r2, r9\n\t"
      "lsls r2, r2, #1\n\t"
      "mov r9, r2\n\t"
      TG_WINOGRAD_TILE_COLUMN("r1", "r2")
      TG_WINOGRAD_TILE_COLUMN("r4", "r5")
      "adds r6, r1, r4\n\t"
      "subs r1, r1, r4\n\t"
      "adds r7, r2, r5\n\t"
      "subs r2, r2, r5\n\t"
      "add r8, r6\n\t"
      "add r10, r6\n\t"
      "add r9, r7\n\t"
      "add r11, r7\n\t"
      "mov r4, r12\n\t"
      "lsls r6, r4, #1\n\t"
      "adds r6, r6, r1\n\t"
      "lsls r1, r1, #1\n\t"
      "add r12, r1\n\t"
      "mov r5, lr\n\t"
      "lsls r7, r5, #1\n\t"
      "adds r7, r7, r2\n\t"
      "lsls r2, r2, #1\n\t"
      "add lr, r2\n\t"
      TG_WINOGRAD_TILE_COLUMN("r4", "r5")
      "lsls r4, r4, #1\n\t"
      "add r4, r12\n\t"
      "lsls r5, r5, #1\n\t"
      "add r5, lr\n\t"
      "pop {r0}\n\t"
      "mov r1, r8\n\t"
      "mov r2, r6\n\t"
      "mov r3, r10\n\t"
      "stmia r0!, {r1, r2, r3, r4}\n\t"
      "mov r1, r9\n\t"
      "mov r2, r7\n\t"
      "mov r3, r11\n\t"
      "mov r4, r5\n\t"
      "stmia r0!, {r1, r2, r3, r4}\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_winograd_tile_multiples(const tg_u32 *m, tg_u32 *multiples) {
  tg_u32 rows[2][TG_WINOGRAD_TILE_W];
  for (int32_t i = 0; i < TG_WINOGRAD_TILE_W; i++) {
    const uint32_t b = m[8];
    const uint32_t c = m[16];
    rows[0][i] = m[0] + b + c;
    rows[1][i] = b - c - m[24];
    m += 32;
  }
  for (int32_t i = 0; i < 2; i++) {
    const tg_u32 *r = rows[i];
    const uint32_t outer = r[1] - r[2];
    const uint32_t inner = r[3] - r[4];
    const uint32_t both = r[1] + r[2];
    const uint32_t sum = r[3] + r[4];
    multiples[0] = 2 * (r[0] + 2 * both) + sum;
    multiples[1] = 2 * outer + inner;
    multiples[2] = both + sum;
    multiples[3] = outer + 2 * (inner + r[5]);
    multiples += 4;
  }
}

#endif

/* Sums of two channels from their multiples, without the bias: the lower one's, from which corners are taken off, and the
 * upper one's. */
#if TG_ARMV6M_LOOPS

#define TG_WINOGRAD_TILE_SUM(place, shift) \
  "ldr r3, [r0, #" #place "]\n\t"          \
  "ldr r4, [r0, #" #place " + 32]\n\t"     \
  "lsls r5, r4, #16\n\t"                   \
  "subs r3, r3, r5\n\t"                    \
  "muls r3, r2, r3\n\t"                    \
  "asrs r3, r3, #" #shift "\n\t"           \
  "ldr r5, [r1, #" #place "]\n\t"          \
  "subs r3, r3, r5\n\t"                    \
  "str r3, [r0, #" #place "]\n\t"          \
  "muls r4, r2, r4\n\t"                    \
  "asrs r4, r4, #" #shift "\n\t"           \
  "str r4, [r0, #" #place " + 32]\n\t"

static inline void tg_winograd_tile_sums(tg_i32 *sums, const tg_i32 *corners) {
  register tg_i32 *r0 __asm__("r0") = sums;
  register const tg_i32 *r1 __asm__("r1") = corners;
  register uint32_t r2 __asm__("r2") = TG_WINOGRAD_TILE_THIRD;
  __asm__ volatile(
      ".syntax unified\n\t"
      TG_WINOGRAD_TILE_SUM(0, 4)
      TG_WINOGRAD_TILE_SUM(4, 3)
      TG_WINOGRAD_TILE_SUM(8, 2)
      TG_WINOGRAD_TILE_SUM(12, 2)
      TG_WINOGRAD_TILE_SUM(16, 4)
      TG_WINOGRAD_TILE_SUM(20, 3)
      TG_WINOGRAD_TILE_SUM(24, 2)
      TG_WINOGRAD_TILE_SUM(28, 2)
      : "+r"(r0), "+r"(r1), "+r"(r2)
      :
      : "r3", "r4", "r5", "cc", "memory");
}

#else

static void tg_winograd_tile_sums(tg_i32 *sums, const tg_i32 *corners) {
  static const uint8_t shifts[4] = {4, 3, 2, 2};
  for (int32_t i = 0; i < 8; i++) {
    const uint32_t upper = (uint32_t)sums[8 + i];
    const uint32_t lower = (uint32_t)sums[i] - (upper << 16);
    sums[i] = ((int32_t)(lower * TG_WINOGRAD_TILE_THIRD) >> shifts[i & 3]) - corners[i];
    sums[8 + i] = (int32_t)(upper * TG_WINOGRAD_TILE_THIRD) >> shifts[i & 3];
  }
}

#endif

#endif
