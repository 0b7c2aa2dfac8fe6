/* The transforms of Winograd's F(4x4, 3x3) in exact integers, and its products, for cores that multiply two halfwords: see
 * tg_conv2d_winograd_4x4_dsp_s8.c. */
#ifndef TG_WINOGRAD_4X4_H
#define TG_WINOGRAD_4X4_H

#include "tg_dsp.h"
#include "tg_numerics.h"

#define TG_WINOGRAD_SIDE 4   /* of a tile's outputs */
#define TG_WINOGRAD_WINDOW 6 /* of its inputs, and of its places */
#define TG_WINOGRAD_PLACES 36
#define TG_WINOGRAD_WHOLE 0xFFFu /* all rows and columns of a tile's inputs are inside of the image */

/* All products of a tile and four output channels: to m, at each place the channels' sums. fours: of input channels. */
#if TG_HAS_DSP

/* Four input channels: the words of V at v to r6 and r10 (on the M7 r6 and r12), those of the filter at u to the others. On the M4 20 cycles for 16
 * products, 12 of them for 10 loads. On the M7 9, with the loads beside the products: the first words are in registers,
 * and the next ones' places are given. */
#define TG_WINOGRAD_ADD(sum, a, b) "smlad " sum ", " a ", " b ", " sum "\n\t"
#define TG_WINOGRAD_BEGIN(sum, a, b) "smuad " sum ", " a ", " b "\n\t"
#if TG_DUAL_ISSUE
#define TG_WINOGRAD_FOUR(OF, v, u, next_v, next_u, slot) \
  OF("r2", "r6", "r8")                                   \
  "ldr r11, [r1, #" u " + 12]\n\t"                       \
  OF("r3", "r6", "r9")                                   \
  "ldr r12, [r0, #" v " + 4]\n\t"                        \
  OF("r4", "r6", "r10")                                  \
  "ldr r8, [r1, #" u " + 16]\n\t"                        \
  OF("r5", "r6", "r11")                                  \
  "ldr r9, [r1, #" u " + 20]\n\t"                        \
  TG_WINOGRAD_ADD("r2", "r12", "r8")                     \
  "ldr r10, [r1, #" u " + 24]\n\t"                       \
  TG_WINOGRAD_ADD("r3", "r12", "r9")                     \
  "ldr r11, [r1, #" u " + 28]\n\t"                       \
  TG_WINOGRAD_ADD("r4", "r12", "r10")                    \
  "ldr r6, [r0, #" next_v "]\n\t"                        \
  TG_WINOGRAD_ADD("r5", "r12", "r11")                    \
  "ldr r8, [r1, #" next_u "]\n\t"                        \
  "ldr r9, [r1, #" next_u " + 4]\n\t"                    \
  "ldr r10, [r1, #" next_u " + 8]\n\t" slot
#define TG_WINOGRAD_AHEAD_U                     \
  "ldr r8, [r1]\n\t"                            \
  "ldr r9, [r1, #4]\n\t"                        \
  "ldr r10, [r1, #8]\n\t"
#define TG_WINOGRAD_AHEAD_V "ldr r6, [r0]\n\t"
#else
#define TG_WINOGRAD_FOUR(OF, v, u, next_v, next_u, slot) \
  "ldr r6, [r0, #" v "]\n\t"                             \
  "ldr r10, [r0, #" v " + 4]\n\t"                        \
  "ldr r8, [r1, #" u "]\n\t"                             \
  "ldr r9, [r1, #" u " + 4]\n\t"                         \
  "ldr r11, [r1, #" u " + 8]\n\t"                        \
  "ldr r12, [r1, #" u " + 12]\n\t"                       \
  OF("r2", "r6", "r8")                                   \
  OF("r3", "r6", "r9")                                   \
  OF("r4", "r6", "r11")                                  \
  OF("r5", "r6", "r12")                                  \
  "ldr r8, [r1, #" u " + 16]\n\t"                        \
  "ldr r9, [r1, #" u " + 20]\n\t"                        \
  "ldr r11, [r1, #" u " + 24]\n\t"                       \
  "ldr r12, [r1, #" u " + 28]\n\t"                       \
  TG_WINOGRAD_ADD("r2", "r10", "r8")                     \
  TG_WINOGRAD_ADD("r3", "r10", "r9")                     \
  TG_WINOGRAD_ADD("r4", "r10", "r11")                    \
  TG_WINOGRAD_ADD("r5", "r10", "r12")                    \
  slot
#define TG_WINOGRAD_AHEAD_U ""
#define TG_WINOGRAD_AHEAD_V ""
#endif

static TG_APART void tg_winograd_4x4_products(const tg_u32 *v, const tg_i32 *u, int32_t fours, tg_i32 *m) {
  register const tg_u32 *r0 __asm__("r0") = v;
  register const tg_i32 *r1 __asm__("r1") = u;
  register int32_t r2 __asm__("r2") = fours;
  register tg_i32 *r3 __asm__("r3") = m;
  __asm__ volatile(
      ".syntax unified\n\t"
      "movs r4, #288\n\t"
      "mul r4, r4, r2\n\t"                /* bytes of V */
      "add r5, r3, #576\n\t"              /* the sums' end */
      "push {r4, r5, r7, r8}\n\t"
      "mov r7, r3\n\t"
      "add lr, r0, r4\n\t"                /* V's end at this place */
      TG_WINOGRAD_AHEAD_U
      TG_WINOGRAD_AHEAD_V
      ".p2align 2\n"
      "1:\n\t"
      TG_WINOGRAD_FOUR(TG_WINOGRAD_BEGIN, "0", "0", "288", "32", "")
      "b 3f\n"
      ".p2align 2\n"
      "2:\n\t"
      TG_WINOGRAD_FOUR(TG_WINOGRAD_ADD, "0", "0", "288", "32", "")
      "3:\n\t"
      TG_WINOGRAD_FOUR(TG_WINOGRAD_ADD, "288", "32", "576", "64", "add r0, r0, #576\n\tadds r1, r1, #64\n\t")
      "cmp r0, lr\n\t"
      "bne 2b\n\t"
      "ldr r11, [sp]\n\t"
      "ldr r12, [sp, #4]\n\t"
      "add lr, lr, #8\n\t"
      "sub r0, lr, r11\n\t"
      TG_WINOGRAD_AHEAD_V
      "stm r7!, {r2, r3, r4, r5}\n\t"
      "cmp r7, r12\n\t"
      "bne 1b\n\t"
      "ldr r7, [sp, #8]\n\t"
      "add sp, sp, #16\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_winograd_4x4_products(const tg_u32 *v, const tg_i32 *u, int32_t fours, tg_i32 *m) {
  for (int32_t place = 0; place < TG_WINOGRAD_PLACES; place++) {
    uint32_t sums[4] = {0, 0, 0, 0};
    for (int32_t i = 0; i < 2 * fours; i++) {
      const uint32_t inputs = v[(i >> 1) * (2 * TG_WINOGRAD_PLACES) + 2 * place + (i & 1)];
      for (int32_t channel = 0; channel < 4; channel++) {
        sums[channel] = tg_dot2(inputs, (uint32_t)*u++, sums[channel]);
      }
    }
    for (int32_t channel = 0; channel < 4; channel++) {
      *m++ = (int32_t)sums[channel];
    }
  }
}

#endif

/* A line of B'd from six numbers. Words are sums of two numbers, the second times 65536: one addition serves both. plus is
 * added to each. */
static inline void tg_winograd_4x4_line(const tg_u32 *d, uint32_t plus, tg_u32 *to) {
  const uint32_t e = d[4] - d[2] + plus;
  const uint32_t g = d[3] - d[1];
  const uint32_t a = d[4] - (d[2] << 2) + plus;
  const uint32_t b = d[3] - (d[1] << 2);
  to[0] = e + ((d[0] - d[2]) << 2);
  to[1] = a + b;
  to[2] = a - b;
  to[3] = e + (g << 1);
  to[4] = e - (g << 1);
  to[5] = d[5] - d[3] - (g << 2) + plus;
}

/* Which of a tile's rows, or columns, are inside of size many, if it begins at begin. */
static inline uint32_t tg_winograd_4x4_inside(int32_t begin, int32_t size) {
  const uint32_t first = (uint32_t)tg_min(tg_max(-begin, 0), TG_WINOGRAD_WINDOW);
  const uint32_t last = (uint32_t)tg_min(tg_max(size - begin, 0), TG_WINOGRAD_WINDOW);
  return ((1u << last) - 1u) & ~((1u << first) - 1u);
}

/* A line of V in place, as halves of words. */
static inline void tg_winograd_4x4_across(tg_u32 *v) {
  uint32_t d[6];
  uint32_t to[6];
  for (int32_t i = 0; i < 6; i++) {
    d[i] = v[2 * i];
  }
  tg_winograd_4x4_line(d, 0x8000u, to);
  for (int32_t i = 0; i < 6; i++) {
    v[2 * i] = to[i] ^ 0x8000u;
  }
}

/* V of a tile whose inputs begin at begin in an image; row: from one row to the next. inside: a bit for each row of the
 * tile's inputs that is inside of the image, then one for each column; outside: what the other inputs are, in all bytes.
 *
 * Inputs are taken as bytes from 0 to 255, so that their words are sums as above. That adds 128 to each input; B'd B is 36
 * times that larger at one place, and no larger elsewhere. */
#define TG_WINOGRAD_EXCESS (36u * 128u * 0x10001u)
static TG_APART void tg_winograd_4x4_inputs(const int8_t *image, int32_t begin, int32_t channels, int32_t row,
                                            uint32_t inside, uint32_t outside, tg_u32 *v) {
  for (int32_t left = channels; left > 0; left -= 4) {
    int32_t from = begin;
    TG_COMPACT
    for (uint32_t column = 0; column < TG_WINOGRAD_WINDOW; column++) {
      uint32_t bytes[6];
      uint32_t d[6];
      uint32_t to[6];
      if (inside == TG_WINOGRAD_WHOLE) {
        const int8_t *pixel = image + from;
        for (int32_t i = 0; i < 6; i++) {
          bytes[i] = tg_load4(pixel) ^ 0x80808080u;
          pixel += row;
        }
      } else {
        const uint32_t rows = inside >> (TG_WINOGRAD_WINDOW + column) & 1u ? inside : 0u;
        int32_t pixel = from;
        for (uint32_t i = 0; i < 6; i++) {
          bytes[i] = (rows >> i & 1u ? tg_load4(image + pixel) : outside) ^ 0x80808080u;
          pixel += row;
        }
      }
      for (int32_t i = 0; i < 6; i++) {
        d[i] = bytes[i] & 0xFF00FFu;
      }
      tg_winograd_4x4_line(d, 0, to);
      for (int32_t i = 0; i < 6; i++) {
        v[12 * i] = to[i];
      }
      for (int32_t i = 0; i < 6; i++) {
        d[i] = bytes[i] >> 8 & 0xFF00FFu;
      }
      tg_winograd_4x4_line(d, 0, to);
      for (int32_t i = 0; i < 6; i++) {
        v[12 * i + 1] = to[i];
      }
      from += channels;
      v += 2;
    }
    v -= 12;
    TG_COMPACT
    for (int32_t line = 0; line < TG_WINOGRAD_WINDOW; line++) {
      tg_winograd_4x4_across(v);
      tg_winograd_4x4_across(v + 1);
      v += 12;
    }
    v[14 - 72] = tg_halves_less(v[14 - 72], TG_WINOGRAD_EXCESS);
    v[15 - 72] = tg_halves_less(v[15 - 72], TG_WINOGRAD_EXCESS);
    begin += 4;
  }
}

/* A line of A'M from six numbers: 24, 12, 6 and 6 times what it stands for. The sum of a window in row i and column j is
 * multiplied by two of these; times the inverse of 9 modulo 2**32, a power of two is left. With 1, 2, 4 and 4 times that
 * inverse for the rows, shifts depend on the column alone. */
#define TG_WINOGRAD_INVERSE 0x38E38E39u
static inline void tg_winograd_4x4_back(const tg_u32 *m, tg_u32 *to) {
  const uint32_t p = m[1] + m[2];
  const uint32_t q = m[1] - m[2];
  const uint32_t r = m[3] + m[4];
  const uint32_t s = m[3] - m[4];
  to[0] = m[0] + r + (p << 2);
  to[1] = s + (q << 1);
  to[2] = p + r;
  to[3] = q + m[5] + (s << 1);
}

/* A line of a tile's sums without bias, from one of A'M; factor: see TG_WINOGRAD_INVERSE. */
static inline void tg_winograd_4x4_row(const tg_u32 *line, uint32_t factor, tg_i32 *sums) {
  uint32_t y[4];
  tg_winograd_4x4_back(line, y);
  sums[0] = (int32_t)(y[0] * factor) >> 6;
  sums[1] = (int32_t)(y[1] * factor) >> 5;
  sums[2] = (int32_t)(y[2] * factor) >> 4;
  sums[3] = (int32_t)(y[3] * factor) >> 4;
}

/* A'M of a channel, from its products, which are four words apart. */
static inline void tg_winograd_4x4_lines(const tg_i32 *m, tg_u32 *lines) {
  TG_COMPACT
  for (int32_t column = 0; column < TG_WINOGRAD_WINDOW; column++) {
    uint32_t of[6];
    uint32_t to[4];
    for (int32_t i = 0; i < 6; i++) {
      of[i] = (uint32_t)m[24 * i];
    }
    tg_winograd_4x4_back(of, to);
    for (int32_t i = 0; i < 4; i++) {
      lines[6 * i] = to[i];
    }
    m += 4;
    lines++;
  }
}

#undef TG_WINOGRAD_ADD
#undef TG_WINOGRAD_BEGIN
#undef TG_WINOGRAD_FOUR
#undef TG_WINOGRAD_AHEAD_U
#undef TG_WINOGRAD_AHEAD_V
#undef TG_WINOGRAD_EXCESS

#endif
