/* Weights stored as a stream of bits, taken one after the other: a prefix code whose codes are the shorter the nearer a
 * weight is to zero (tinyglow/codegen/prefix_code.py describes the format). What is read was written by the compiler: each
 * code is complete, so that any bits lead to some entry of its table. */
#ifndef TG_PACKED_H
#define TG_PACKED_H

#include <stdint.h>

#include "tg_core.h"
#include "tg_numerics.h"

/* One copy of a function is smaller than one at each place that calls it. */
#if defined(__GNUC__)
#define TG_PACKED_ONCE static __attribute__((noinline))
#else
#define TG_PACKED_ONCE static
#endif

/* next: the next byte of the stream; bits: the last ones that were read, of which the lower left are still to be taken. */
typedef struct {
  const uint8_t *next;
  uint32_t bits;
  int32_t left;
} tg_packed;

/* The next count bits as a number; at most 25. */
TG_PACKED_ONCE uint32_t tg_packed_take(tg_packed *stream, int32_t count) {
  while (stream->left < count) {
    stream->bits = (stream->bits << 8) | *stream->next++;
    stream->left += 8;
  }
  stream->left -= count;
  return (stream->bits >> stream->left) & (((uint32_t)1 << count) - 1);
}

/* The next count weights, free of their offset; count is not 0. table: the shortest length of a code, and how many codes
 * there are of each length from that on. place: how far after the first code of its length the next bits are. No code
 * has more than 16 bits: two bytes after the last weight may be read. */
#if TG_ARMV6M_LOOPS

/* 48 cycles a weight. LSRS by a register leaves the last bit out in the carry: the next bit of the stream. */
TG_PACKED_ONCE void tg_packed_weights(tg_packed *stream, const uint8_t *table, tg_i16 *out, int32_t count) {
  register const uint8_t *r0 __asm__("r0") = stream->next;
  register uint32_t r1 __asm__("r1") = stream->bits;
  register int32_t r2 __asm__("r2") = stream->left;
  register tg_i16 *r3 __asm__("r3") = out;
  register const uint8_t *r4 __asm__("r4") = table;
  register tg_i16 *r5 __asm__("r5") = out + count;
  __asm__ volatile(
      ".syntax unified\n\t"
      "push {r7}\n\t"
      "mov r8, r5\n\t"
      "ldrb r5, [r4, #0]\n\t"
      "mov r9, r5\n\t"
      "movs r6, #1\n\t"
      "lsls r6, r6, r5\n\t"
      "subs r6, r6, #1\n\t"
      "mov r10, r6\n\t"
      "adds r4, r4, #1\n\t"
      "mov r11, r4\n\t"
      "b 3f\n"
      "2:\n\t"
      "ldrb r7, [r0, #0]\n\t"
      "adds r0, r0, #1\n\t"
      "lsls r1, r1, #8\n\t"
      "adds r1, r1, r7\n\t"
      "adds r2, r2, #8\n"
      "3:\n\t"
      "cmp r2, #16\n\t"
      "blt 2b\n\t"
      "mov r6, r11\n\t"
      "mov r7, r9\n\t"
      "subs r2, r2, r7\n\t"
      "movs r4, r1\n\t"
      "lsrs r4, r4, r2\n\t"
      "mov r7, r10\n\t"
      "ands r4, r4, r7\n\t"
      "movs r5, #0\n"
      "4:\n\t"
      "ldrb r7, [r6, #0]\n\t"
      "cmp r4, r7\n\t"
      "blo 5f\n\t"
      "adds r6, r6, #1\n\t"
      "adds r5, r5, r7\n\t"
      "subs r4, r4, r7\n\t"
      "movs r7, r1\n\t"
      "lsrs r7, r7, r2\n\t"
      "adcs r4, r4, r4\n\t"
      "subs r2, r2, #1\n\t"
      "b 4b\n"
      "5:\n\t"
      "adds r4, r4, r5\n\t"
      "lsrs r4, r4, #1\n\t"
      "sbcs r7, r7, r7\n\t"
      "mvns r7, r7\n\t"
      "eors r4, r4, r7\n\t"
      "strh r4, [r3, #0]\n\t"
      "adds r3, r3, #2\n\t"
      "cmp r3, r8\n\t"
      "bne 3b\n\t"
      "pop {r7}\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5)
      :
      : "r6", "r8", "r9", "r10", "r11", "cc", "memory");
  stream->next = r0;
  stream->bits = r1;
  stream->left = r2;
}

#else

TG_PACKED_ONCE void tg_packed_weights(tg_packed *stream, const uint8_t *table, tg_i16 *out, int32_t count) {
  const uint8_t *next = stream->next;
  uint32_t bits = stream->bits;
  int32_t left = stream->left;
  const int32_t shortest = *table++;
  for (; count > 0; count--) {
    while (left < 16) {
      bits = (bits << 8) | *next++;
      left += 8;
    }
    left -= shortest;
    const uint8_t *codes = table;
    uint32_t place = (bits >> left) & (((uint32_t)1 << shortest) - 1);
    uint32_t rank = 0;
    while (place >= *codes) {
      rank += *codes;
      place = 2 * (place - *codes++) + ((bits >> --left) & 1);
    }
    rank += place;
    *out++ = (int16_t)((int32_t)(rank >> 1) ^ -(int32_t)(rank & 1));
  }
  stream->next = next;
  stream->bits = bits;
  stream->left = left;
}

#endif

/* Sum of (x - in_offset) * w; count is not 0. */
TG_PACKED_ONCE int32_t tg_packed_dot(const int8_t *x, const tg_i16 *w, int32_t count, int32_t in_offset) {
  int32_t sum = 0;
  do {
    sum += (*x++ - in_offset) * *w++;
  } while (--count);
  return sum;
}

/* The stream after its tables. */
static inline tg_packed tg_packed_begin(const int8_t *packed, int32_t table_bytes, int32_t index_bits) {
  const tg_packed stream = {(const uint8_t *)packed + (table_bytes << index_bits), 0, 0};
  return stream;
}

/* What is in front of a unit's weights: its table, and its bias, which is returned. */
static inline int32_t tg_packed_unit(tg_packed *stream, const int8_t *packed, int32_t table_bytes, int32_t index_bits,
                                     int32_t bias_bits, const uint8_t **table) {
  *table = (const uint8_t *)packed + table_bytes * (int32_t)tg_packed_take(stream, index_bits);
  return (int32_t)tg_packed_take(stream, bias_bits) - ((1 << bias_bits) >> 1);
}

#endif
