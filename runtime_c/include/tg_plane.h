/* The image of one channel of a depthwise convolution with its padding, laid out in rows of words along the longer side of
 * the output; if that is a square, along the longer side of the window. */
#ifndef TG_PLANE_H
#define TG_PLANE_H

#include <stdint.h>

#include "tg_compact.h"
#include "tg_core.h"
#include "tg_numerics.h"

/* One of the two sides: inputs, padding before them, taps of a window, inputs from a window to the next and from a tap to the
 * next, outputs. Elements from an input, an output and a weight to the next. */
typedef struct {
  int32_t inputs;
  int32_t pad;
  int32_t taps;
  int32_t step;
  int32_t tap;
  int32_t outputs;
  int32_t input_step;
  int32_t output_step;
  int32_t weight_step;
} tg_plane_side;

/* width, height: words of a row, and rows, of all that windows read. fill: what stands for padding. */
typedef struct {
  tg_plane_side across;
  tg_plane_side along;
  int32_t width;
  int32_t height;
  int32_t fill;
} tg_plane;

static inline int32_t tg_plane_extent(const tg_plane_side *side) {
  return (side->outputs - 1) * side->step + (side->taps - 1) * side->tap + 1;
}

static inline tg_plane tg_plane_between(tg_plane_side h, tg_plane_side w, int32_t fill) {
  const int32_t turned = h.outputs != w.outputs ? h.outputs > w.outputs : h.taps > w.taps;
  tg_plane plane = {turned ? w : h, turned ? h : w, 0, 0, fill};
  plane.width = tg_plane_extent(&plane.along);
  plane.height = tg_plane_extent(&plane.across);
  return plane;
}

/* A channel's weights, free of their offset, in the order in which its image is laid out. */
static inline void tg_plane_weights(const tg_plane *plane, const int8_t *filter, int32_t offset, int32_t *to) {
  TG_COMPACT
  for (int32_t row = plane->across.taps; row > 0; row--) {
    const int8_t *weight = filter;
    TG_COMPACT
    for (int32_t left = plane->along.taps; left > 0; left--) {
      *to++ = *weight - offset;
      weight += plane->along.weight_step;
    }
    filter += plane->across.weight_step;
  }
}

#endif
