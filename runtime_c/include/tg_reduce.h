/* The loops of kernels that reduce dimensions: up to three over the elements of the output, and up to three over those of
 * the input from which each is made. p: the kernel's parameters, which have the count and the stride of every loop. */
#ifndef TG_REDUCE_H
#define TG_REDUCE_H

/* A statement for each element of the output, in order; x, a pointer, is at the first of its elements in input. */
#define TG_KEEP(p, input, x)                                                                          \
  for (uint32_t keep0 = 0; keep0 < (p)->keep0; keep0++)                                               \
    for (uint32_t keep1 = 0; keep1 < (p)->keep1; keep1++)                                             \
      for (uint32_t keep2 = 0;                                                                        \
           keep2 < (p)->keep2 &&                                                                      \
           (x = (input) + keep0 * (p)->keep0_stride + keep1 * (p)->keep1_stride + keep2 * (p)->keep2_stride, 1); \
           keep2++)

/* A statement for each of these elements, the outermost loop first; y, a pointer, is at the element. */
#define TG_DROP(p, x, y)                                                                              \
  for (uint32_t drop0 = 0; drop0 < (p)->drop0; drop0++)                                               \
    for (uint32_t drop1 = 0;                                                                          \
         drop1 < (p)->drop1 && (y = (x) + drop0 * (p)->drop0_stride + drop1 * (p)->drop1_stride, 1);  \
         drop1++)                                                                                     \
      for (uint32_t drop2 = (p)->drop2, stride = (p)->drop2_stride; drop2 > 0; drop2--, y += stride)

#endif
