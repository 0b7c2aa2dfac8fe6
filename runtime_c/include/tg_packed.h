/* Weights stored as a stream of bits, taken one after the other: a prefix code whose codes are the shorter the nearer a
 * weight is to zero (tinyglow/ops/prefix_code.py describes the format). What is read was written by the compiler: each
 * code is complete, so that any bits lead to some entry of its table, and no byte is read before its bits are needed. */
#ifndef TG_PACKED_H
#define TG_PACKED_H

#include <stdint.h>

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

/* The next weight, free of its offset. table: the shortest length of a code, and how many codes there are of each length
 * from that on. place: how far behind the first code of its length the next bits are. */
TG_PACKED_ONCE int32_t tg_packed_weight(tg_packed *stream, const uint8_t *table) {
  uint32_t place = tg_packed_take(stream, *table++);
  uint32_t rank = 0;
  while (place >= *table) {
    rank += *table;
    place = 2 * (place - *table++) + tg_packed_take(stream, 1);
  }
  rank += place;
  return (int32_t)(rank >> 1) ^ -(int32_t)(rank & 1);
}

/* The stream behind its tables. */
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
