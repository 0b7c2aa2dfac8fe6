/* tg_plane.h for a convolution with windows of any shape: its parameters are those of the kernels that call this. */
#ifndef TG_PLANE_OF_H
#define TG_PLANE_OF_H

#include "tg_plane.h"

/* The sides for a convolution with parameters p. */
#define TG_PLANE_OF(p)                                                                                                \
  tg_plane_between((tg_plane_side){(p)->in_h, (p)->pad_top, (p)->kernel_h, (p)->stride_h, (p)->dilation_h,            \
                                   (p)->out_h, (p)->in_w * (p)->in_c, (p)->out_w * (p)->out_c, (p)->kernel_w},        \
                   (tg_plane_side){(p)->in_w, (p)->pad_left, (p)->kernel_w, (p)->stride_w, (p)->dilation_w,           \
                                   (p)->out_w, (p)->in_c, (p)->out_c, 1},                                             \
                   (p)->in_offset)

#endif
