/* onnxruntime's epilogue by integers: x * multiplier / 2^35 to the nearest integer, plus offset; where that is within the
 * rounding of float32 from half way between two integers, to the even one. |x| < 2^24: the compiler proves it. See
 * tg_epilogue_glow.h and tg_epilogue_last.h.
 *
 * The upper word of x * 2^5 times the multiplier has 8 bits below 1. With half of 1 added, they are 0 where x may lie half
 * way. */
#ifndef TG_EPILOGUE_ONNXI_H
#define TG_EPILOGUE_ONNXI_H

#include "tg_epilogue_last.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_EPILOGUE_ONNXI_FUSED 0
#define TG_EPILOGUE_ONNXI_WORDS 2
#define TG_EPILOGUE_ONNXI_DSP 1
#define TG_EPILOGUE_ONNXI_SHIFTED 0
#define TG_EPILOGUE_ONNXI_NARROW 0
#define TG_EPILOGUE_ONNXI_LONG 0
#define TG_EPILOGUE_ONNXI_PRE 5

/* Instructions call it by its name. */
#if TG_HAS_DSP || TG_ARMV6M_LOOPS
#define TG_CALLED __attribute__((noinline, used))
#else
#define TG_CALLED TG_APART
#endif

/* Of an x that lies about half way between k - 1 and k: -1 if it becomes k - 1, else 0.
 *
 * Float32 rounds to half way what is at most half of its last bit away. Products here are exact, in steps of 2^-35; half
 * way is an odd number of halves, halves * 2^34 of these. */
static TG_CALLED int32_t tg_epilogue_onnxi_tie(int32_t x, int32_t multiplier) {
  const int64_t product = (int64_t)x * multiplier;
  const int32_t k = ((int32_t)((product + ((int64_t)1 << 26)) >> 27) + 128) >> 8;
  const int32_t halves = 2 * k - 1;
  const int64_t past = product - halves * ((int64_t)1 << 34);
  int64_t last = 1 << 10; /* half of float32's last bit of numbers from 1/2 to 1 */
  for (int32_t size = halves < 0 ? -halves : halves; size > 1; size >>= 1) {
    last <<= 1;
  }
  /* Numbers below 1/2 have one bit more. */
  const int64_t below = halves == 1 ? last >> 1 : last;
  const int64_t above = halves == -1 ? last >> 1 : last;
  if (past < -below) {
    return -1;
  }
  return past > above ? 0 : -(k & 1);
}

static inline int32_t tg_epilogue_onnxi_last(int32_t x, int32_t multiplier, int32_t center) {
  const int32_t near = tg_high_word_rounded((int32_t)((uint32_t)x << 5), multiplier) + center;
  return (near & 0xFF) ? near >> 8 : (near >> 8) + tg_epilogue_onnxi_tie(x, multiplier);
}

static inline int32_t tg_epilogue_onnxi(int32_t x, const tg_requant *r) {
  return tg_epilogue_onnxi_last(x, r->multiplier, r->offset * 256 + 128);
}

/* x to its result, saturated. Few come to 77, which is apart; x is shifted to the left there where shift says by how much. */
#define TG_EPILOGUE_ONNXI_TEST(x, t, m, shift)      \
  "tst " t ", #255\n\t"                           \
  "beq.w 77f\n\t"                                 \
  "ssat " x ", #8, " t ", asr #8\n"               \
  "78:\n\t"                                       \
  ".subsection 1\n"                               \
  "77:\n\t"                                       \
  "sub sp, sp, #4\n\t"                            \
  "push {r0, r1, r2, r3, r12, lr}\n\t"            \
  "str " x ", [sp, #-4]!\n\t"                     \
  "str " m ", [sp, #-4]!\n\t"                     \
  "pop {r1}\n\t"                                  \
  "pop {r0}\n\t" shift                            \
  "bl tg_epilogue_onnxi_tie\n\t"                  \
  "str r0, [sp, #24]\n\t"                         \
  "pop {r0, r1, r2, r3, r12, lr}\n\t"             \
  "ldr " x ", [sp], #4\n\t"                       \
  "add " x ", " x ", " t ", asr #8\n\t"           \
  "ssat " x ", #8, " x "\n\t"                     \
  "b.w 78b\n\t"                                   \
  ".subsection 0\n\t"

#define TG_EPILOGUE_ONNXI_PRODUCT(x, t, m, h) \
  "lsl " t ", " x ", #5\n\t"                \
  "smmlar " t ", " t ", " m ", " h "\n\t" TG_EPILOGUE_ONNXI_TEST(x, t, m, "")
/* Of two sums with one multiplier, which the M7 does not have to wait for. */
#define TG_EPILOGUE_ONNXI_TWO_BY(shift, back, x1, t1, x2, t2, m, h) \
  shift " " t1 ", " x1 ", #" back "\n\t"                           \
  shift " " t2 ", " x2 ", #" back "\n\t"                           \
  "smmlar " t1 ", " t1 ", " m ", " h "\n\t"                        \
  "smmlar " t2 ", " t2 ", " m ", " h "\n\t"
#define TG_EPILOGUE_ONNXI_TWO(x1, t1, x2, t2, m, h)               \
  TG_EPILOGUE_ONNXI_TWO_BY("lsl", "5", x1, t1, x2, t2, m, h)     \
  TG_EPILOGUE_ONNXI_TEST(x1, t1, m, "") TG_EPILOGUE_ONNXI_TEST(x2, t2, m, "")
/* Of two sums times 256. */
#define TG_EPILOGUE_ONNXI_TWO_256(x1, t1, x2, t2, m, h)           \
  TG_EPILOGUE_ONNXI_TWO_BY("asr", "3", x1, t1, x2, t2, m, h)     \
  TG_EPILOGUE_ONNXI_TEST(x1, t1, m, "asr r0, r0, #8\n\t") TG_EPILOGUE_ONNXI_TEST(x2, t2, m, "asr r0, r0, #8\n\t")

#define TG_EPILOGUE_ONNXI_SATURATE(x)
#define TG_EPILOGUE_ONNXI_FITS(out) TG_EPILOGUE_LAST_FITS(out, TG_EPILOGUE_ONNXI_PRE)
#define TG_EPILOGUE_ONNXI_HALF(out) TG_EPILOGUE_LAST_HALF(out, TG_EPILOGUE_ONNXI_HIGH_CENTER((out)->offset))
#define TG_EPILOGUE_ONNXI_POST(out) TG_EPILOGUE_LAST_POST(out)
#define TG_EPILOGUE_ONNXI_CENTER(offset) ((offset) * 256 + 128)
#define TG_EPILOGUE_ONNXI_HIGH_CENTER(offset) TG_EPILOGUE_ONNXI_CENTER(offset)
#define TG_EPILOGUE_ONNXI_HIGH(x, words, center) tg_epilogue_onnxi_last(x, ((const tg_i32 *)(words))[0], center)
#define TG_EPILOGUE_ONNXI_FOLDED(x, words, center) tg_epilogue_onnxi_last(x, ((const tg_i32 *)(words))[0], center)

#endif
