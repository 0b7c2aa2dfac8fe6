/* The loops of kernels with two operands, of which one, other, may be repeated: it advances by a stride in each of three
 * loops, which is 0 where it is. p: the kernel's parameters. */
#ifndef TG_BROADCAST_H
#define TG_BROADCAST_H

/* A statement for each run of the innermost loop, in order; y, a pointer, is at its first element of other. */
#define TG_BROADCAST_RUNS(p, other, y)                                                              \
  for (uint32_t outer = 0; outer < (p)->outer; outer++)                                             \
    for (uint32_t middle = 0;                                                                       \
         middle < (p)->middle && (y = (other) + outer * (p)->outer_stride + middle * (p)->middle_stride, 1); \
         middle++)

/* A statement for each element of the output, in order; y, a pointer, is at the element of other. */
#define TG_BROADCAST(p, other, y)                                                                   \
  TG_BROADCAST_RUNS(p, other, y)                                                                    \
    for (uint32_t inner = (p)->inner, stride = (p)->inner_stride; inner > 0; inner--, y += stride)

#endif
