/* 2-D convolution by windows of 3x3 with steps of 1 for cores that multiply two halfwords, by Winograd's F(4x4, 3x3) in exact
 * integers (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016): 36 products for 144. With pool, the
 * maximum of each 2x2 block. in_c is a multiple of four.
 *
 * A tile is 4x4 outputs. Its 6x6 inputs d become V = B'd B, at most 12,800; a filter g became, when the network was compiled,
 * U = G g G', at most 12,495, with G = 6 0 0, -1 -1 -1, -1 1 -1, 1 2 4, 1 -2 4, 0 0 6. M = sum over channels of U * V, number
 * by number, and A'M A is each window's sum times 9 and a power of two. All this is done modulo 2**32: a multiplication by
 * the inverse of 9 and a shift by at most six leave the sum, as long as 64 times the sum fits 32 bits.
 *
 * V: for each four input channels and each of 36 places the word of channels 0 and 2, then that of 1 and 3. filter: for each
 * four output channels, of each place and two input channels four words. Input channels are filled up to a multiple of
 * eight. After the filter lie three more words: the next ones are read before the last are used.
 *
 * The input's offset is folded into the bias; taps outside the image are that offset, which stands for 0.0.
 *
 * TG_PER_CHANNEL: each channel has a scale of its own (see tg_scale_high), after its bias. */
#include "tg_dsp.h"
#include "tg_epilogue_glow.h"
#include "tg_kernels.h"
#include "tg_numerics.h"

#define TG_PER_CHANNEL 0

#define TG_WINOGRAD_SIDE 4   /* of a tile's outputs */
#define TG_WINOGRAD_WINDOW 6 /* of its inputs, and of its places */
#define TG_WINOGRAD_PLACES 36

/* All products of a tile and four output channels: to m, at each place the channels' sums. fours: of input channels. */
#if TG_HAS_DSP

/* Four input channels: the words of V at v to r6 and r10, those of the filter at u to the others. On the M4 20 cycles for 16
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
#define TG_WINOGRAD_AHEAD                       \
  "ldr r6, [r0]\n\t"                            \
  "ldr r8, [r1]\n\t"                            \
  "ldr r9, [r1, #4]\n\t"                        \
  "ldr r10, [r1, #8]\n\t"
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
#define TG_WINOGRAD_AHEAD ""
#endif

static TG_APART void tg_conv2d_winograd_4x4_dsp_s8_products(const tg_u32 *v, const tg_i32 *u, int32_t fours, tg_i32 *m) {
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
      ".p2align 2\n"
      "1:\n\t"
      TG_WINOGRAD_AHEAD
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
      "stm r7!, {r2, r3, r4, r5}\n\t"
      "sub r0, lr, r11\n\t"
      "cmp r7, r12\n\t"
      "bne 1b\n\t"
      "ldr r7, [sp, #8]\n\t"
      "add sp, sp, #16\n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      :
      : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

static void tg_conv2d_winograd_4x4_dsp_s8_products(const tg_u32 *v, const tg_i32 *u, int32_t fours, tg_i32 *m) {
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

/* A line of B'd from six numbers, in words step apart. Words are sums of two numbers, the second times 65536: one addition
 * serves both. plus is added to each. */
static inline void tg_conv2d_winograd_4x4_dsp_s8_line(const uint32_t *d, uint32_t plus, uint32_t *to) {
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

/* A line of V in place, as halves of words. */
static inline void tg_conv2d_winograd_4x4_dsp_s8_across(tg_u32 *v) {
  uint32_t d[6];
  uint32_t to[6];
  for (int32_t i = 0; i < 6; i++) {
    d[i] = v[2 * i];
  }
  tg_conv2d_winograd_4x4_dsp_s8_line(d, 0x8000u, to);
  for (int32_t i = 0; i < 6; i++) {
    v[2 * i] = to[i] ^ 0x8000u;
  }
}

/* Both halves of words: differences. */
static inline uint32_t tg_conv2d_winograd_4x4_dsp_s8_less(uint32_t a, uint32_t b) {
#if TG_HAS_DSP
  uint32_t result;
  __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b) : "cc");
  return result;
#else
  return tg_pack_halfwords(tg_half(a, 0) - tg_half(b, 0), tg_half(a, 1) - tg_half(b, 1));
#endif
}

/* V of a tile whose inputs begin at x. Inputs are taken as bytes from 0 to 255, so that their words are such sums. That adds
 * 128 to each input; B'd B is 36 times that larger at one place, and no larger elsewhere. */
#define TG_WINOGRAD_EXCESS (36u * 128u * 0x10001u)
static TG_APART void tg_conv2d_winograd_4x4_dsp_s8_inputs(const int8_t *x, int32_t channels, int32_t row, tg_u32 *v) {
  for (int32_t left = channels; left > 0; left -= 4) {
    const int8_t *from = x;
    TG_COMPACT
    for (int32_t column = 0; column < TG_WINOGRAD_WINDOW; column++) {
      uint32_t bytes[6];
      uint32_t d[6];
      uint32_t to[6];
      const int8_t *pixel = from;
      for (int32_t i = 0; i < 6; i++) {
        bytes[i] = tg_load4(pixel) ^ 0x80808080u;
        pixel += row;
      }
      for (int32_t i = 0; i < 6; i++) {
        d[i] = bytes[i] & 0xFF00FFu;
      }
      tg_conv2d_winograd_4x4_dsp_s8_line(d, 0, to);
      for (int32_t i = 0; i < 6; i++) {
        v[12 * i] = to[i];
      }
      for (int32_t i = 0; i < 6; i++) {
        d[i] = bytes[i] >> 8 & 0xFF00FFu;
      }
      tg_conv2d_winograd_4x4_dsp_s8_line(d, 0, to);
      for (int32_t i = 0; i < 6; i++) {
        v[12 * i + 1] = to[i];
      }
      from += channels;
      v += 2;
    }
    v -= 12;
    TG_COMPACT
    for (int32_t line = 0; line < TG_WINOGRAD_WINDOW; line++) {
      tg_conv2d_winograd_4x4_dsp_s8_across(v);
      tg_conv2d_winograd_4x4_dsp_s8_across(v + 1);
      v += 12;
    }
    v[14 - 72] = tg_conv2d_winograd_4x4_dsp_s8_less(v[14 - 72], TG_WINOGRAD_EXCESS);
    v[15 - 72] = tg_conv2d_winograd_4x4_dsp_s8_less(v[15 - 72], TG_WINOGRAD_EXCESS);
    x += 4;
  }
}

/* The inputs of a tile at (top, left), which the image cuts, with what lies outside. */
static TG_SMALL TG_APART void tg_conv2d_winograd_4x4_dsp_s8_gather(const tg_conv2d_winograd_4x4_dsp_s8_params *p,
                                                                   const int8_t *image, int32_t top, int32_t left,
                                                                   int8_t *to) {
  const int32_t channels = p->in_c;
  const uint32_t outside = 0x1010101u * (uint8_t)p->in_offset;
  const int32_t begin = tg_min(tg_max(-left, 0), TG_WINOGRAD_WINDOW);
  const int32_t inside = tg_max(tg_min(p->in_w - left, TG_WINOGRAD_WINDOW) - begin, 0);
  TG_COMPACT
  for (int32_t y = top; y < top + TG_WINOGRAD_WINDOW; y++) {
    int32_t behind = TG_WINOGRAD_WINDOW;
    if (y >= 0 && y < p->in_h && inside > 0) {
      to = tg_dsp_set(to, begin * channels, outside);
      to = tg_dsp_copy(to, image + (y * p->in_w + left + begin) * channels, inside * channels);
      behind -= begin + inside;
    }
    to = tg_dsp_set(to, behind * channels, outside);
  }
}

/* A line of A'M from six numbers: 24, 12, 6 and 6 times what it stands for. The sum of a window in row i and column j is
 * multiplied by two of these; times the inverse of 9 modulo 2**32, a power of two is left. With 1, 2, 4 and 4 times that
 * inverse for the rows, shifts depend on the column alone. */
#define TG_WINOGRAD_INVERSE 0x38E38E39u
static inline void tg_conv2d_winograd_4x4_dsp_s8_back(const uint32_t *m, uint32_t *to) {
  const uint32_t p = m[1] + m[2];
  const uint32_t q = m[1] - m[2];
  const uint32_t r = m[3] + m[4];
  const uint32_t s = m[3] - m[4];
  to[0] = m[0] + r + (p << 2);
  to[1] = s + (q << 1);
  to[2] = p + r;
  to[3] = q + m[5] + (s << 1);
}

#if TG_PER_CHANNEL
#define TG_WINOGRAD_BIASES (1 + TG_EPILOGUE_GLOW_WORDS) /* words of a channel */
#if TG_HAS_DSP && TG_EPILOGUE_GLOW_DSP && !TG_EPILOGUE_GLOW_FUSED && TG_EPILOGUE_GLOW_SHIFTED
/* By the words of tg_epilogue_last.h, with what it takes in single instructions. */
static inline int8_t tg_conv2d_winograd_4x4_dsp_s8_last(int32_t x, const tg_i32 *words, int32_t center) {
  int32_t spare;
  __asm__(TG_EPILOGUE_GLOW_PRODUCT("%0", "%1", "%2", "%3") "asr %0, %0, %4\n\t" TG_EPILOGUE_GLOW_SATURATE("%0")
          : "+r"(x), "=&r"(spare)
          : "r"(words[0]), "r"(tg_epilogue_last_plus(words, center)), "r"(words[1])
          : "cc");
  return (int8_t)x;
}
#define TG_WINOGRAD_FINISH(sum) \
  tg_conv2d_winograd_4x4_dsp_s8_last(sum, own + 1, TG_EPILOGUE_GLOW_HIGH_CENTER(offset))
#else
#define TG_WINOGRAD_FINISH(sum) \
  ((int8_t)tg_saturate_s8(TG_EPILOGUE_GLOW_HIGH(sum, own + 1, TG_EPILOGUE_GLOW_HIGH_CENTER(offset))))
#endif
#else
#define TG_WINOGRAD_BIASES 1
#define TG_WINOGRAD_FINISH(sum) ((int8_t)tg_saturate_s8(tg_scale_high(sum, scale, offset)))
#endif

/* A line of a tile's sums without bias, from one of A'M; factor: see TG_WINOGRAD_INVERSE. */
static inline void tg_conv2d_winograd_4x4_dsp_s8_row(const uint32_t *line, uint32_t factor, int32_t *sums) {
  uint32_t y[4];
  tg_conv2d_winograd_4x4_dsp_s8_back(line, y);
  sums[0] = (int32_t)(y[0] * factor) >> 6;
  sums[1] = (int32_t)(y[1] * factor) >> 5;
  sums[2] = (int32_t)(y[2] * factor) >> 4;
  sums[3] = (int32_t)(y[3] * factor) >> 4;
}

/* A'M of a channel, from its products, which are four words apart. */
static inline void tg_conv2d_winograd_4x4_dsp_s8_lines(const tg_i32 *m, uint32_t *lines) {
  TG_COMPACT
  for (int32_t column = 0; column < TG_WINOGRAD_WINDOW; column++) {
    uint32_t of[6];
    uint32_t to[4];
    for (int32_t i = 0; i < 6; i++) {
      of[i] = (uint32_t)m[24 * i];
    }
    tg_conv2d_winograd_4x4_dsp_s8_back(of, to);
    for (int32_t i = 0; i < 4; i++) {
      lines[6 * i] = to[i];
    }
    m += 4;
    lines++;
  }
}

/* Keeps a pointer one pointer: compilers would have one for each of a row's pixels, and not enough registers. */
#if TG_HAS_DSP
#define TG_WINOGRAD_ONE(pointer) __asm__("" : "+r"(pointer))
#else
#define TG_WINOGRAD_ONE(pointer) (void)(pointer)
#endif

/* count channels of a tile, from its products; output's rows and pixels are down and right apart. */
static TG_APART void tg_conv2d_winograd_4x4_dsp_s8_outputs(const tg_conv2d_winograd_4x4_dsp_s8_params *p,
                                                           const tg_i32 *m, const tg_i32 *words, int32_t count,
                                                           int32_t down, int32_t right, int8_t *output) {
#if TG_PER_CHANNEL
  const int32_t offset = p->out_offset;
#else
  const int32_t offset = p->out.offset;
  const uint32_t scale = p->out.pre + ((uint32_t)p->out.multiplier << (32 - p->out.post));
#endif
  const int32_t pool = p->pool;
  const int32_t below = down - 4 * right;
  TG_COMPACT
  for (; count > 0; count--) {
    uint32_t lines[4 * TG_WINOGRAD_WINDOW];
    tg_i32 own[TG_WINOGRAD_BIASES];
    const uint32_t *line = lines;
    uint32_t factor = TG_WINOGRAD_INVERSE;
    int8_t *to = output;
    tg_conv2d_winograd_4x4_dsp_s8_lines(m, lines);
    for (int32_t i = 0; i < TG_WINOGRAD_BIASES; i++) {
      own[i] = words[i];
    }
    if (pool) {
      TG_COMPACT
      for (uint32_t more = 1; more < 2; more--) {
        int32_t above[4];
        int32_t x[4];
        tg_conv2d_winograd_4x4_dsp_s8_row(line, factor, above);
        tg_conv2d_winograd_4x4_dsp_s8_row(line + 6, factor << more, x);
        x[0] = tg_max(tg_max(above[0], above[1]), tg_max(x[0], x[1])) + own[0];
        x[2] = tg_max(tg_max(above[2], above[3]), tg_max(x[2], x[3])) + own[0];
        to[0] = TG_WINOGRAD_FINISH(x[0]);
        to[right] = TG_WINOGRAD_FINISH(x[2]);
        to += down;
        line += 12;
        factor <<= 2;
      }
    } else {
      TG_COMPACT
      for (uint32_t row = 0; row < TG_WINOGRAD_SIDE; row++) {
        int32_t x[4];
        tg_conv2d_winograd_4x4_dsp_s8_row(line, factor, x);
        for (int32_t i = 0; i < TG_WINOGRAD_SIDE; i++) {
          *to = TG_WINOGRAD_FINISH(x[i] + own[0]);
          to += right;
          TG_WINOGRAD_ONE(to);
        }
        to += below;
        line += 6;
        factor <<= (row - 2u) >> 31;
      }
    }
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
  }
}

/* The same, of which the pixels to the right and below may be outside: rows and columns of it count. */
static void tg_conv2d_winograd_4x4_dsp_s8_tile(const tg_conv2d_winograd_4x4_dsp_s8_params *p, const tg_i32 *m,
                                               const tg_i32 *words, int32_t count, int32_t rows, int32_t columns,
                                               int8_t *output) {
  const int32_t right = p->out_c;
  const int32_t down = p->out_w * right;
  const int32_t size = p->pool ? TG_WINOGRAD_SIDE / 2 : TG_WINOGRAD_SIDE;
  if (rows >= size && columns >= size) {
    tg_conv2d_winograd_4x4_dsp_s8_outputs(p, m, words, count, down, right, output);
    return;
  }
  TG_COMPACT
  for (; count > 0; count--) {
    int8_t all[TG_WINOGRAD_SIDE * TG_WINOGRAD_SIDE];
    tg_conv2d_winograd_4x4_dsp_s8_outputs(p, m, words, 1, TG_WINOGRAD_SIDE, 1, all);
    TG_COMPACT
    for (int32_t y = 0; y < tg_min(rows, size); y++) {
      TG_COMPACT
      for (int32_t x = 0; x < tg_min(columns, size); x++) {
        output[y * down + x * right] = all[TG_WINOGRAD_SIDE * y + x];
      }
    }
    output++;
    m++;
    words += TG_WINOGRAD_BIASES;
  }
}

TG_SMALL
void tg_conv2d_winograd_4x4_dsp_s8(const tg_conv2d_winograd_4x4_dsp_s8_params *p, const int8_t *input,
                                   const tg_i32 *filter, const tg_i32 *bias, int8_t *output, tg_i32 *scratch) {
  const int32_t channels = p->in_c;
  const int32_t out_c = p->out_c;
  const int32_t row = p->in_w * channels;
  const int32_t fours = (channels + 7) >> 3 << 1;
  const int32_t outputs = p->out_h * p->out_w * out_c;
  const int32_t size = p->pool ? TG_WINOGRAD_SIDE / 2 : TG_WINOGRAD_SIDE;
  tg_u32 *const v = (tg_u32 *)scratch;
  tg_i32 *const m = scratch + 2 * TG_WINOGRAD_PLACES * fours; /* and the inputs of cut tiles */
  for (int32_t image = 0; image < p->images; image++) {
    int32_t top = -p->pad_top;
    TG_COMPACT
    for (int32_t y = 0; y < p->out_h; y += size) {
      int32_t left = -p->pad_left;
      TG_COMPACT
      for (int32_t x = 0; x < p->out_w; x += size) {
        if (top >= 0 && left >= 0 && top + TG_WINOGRAD_WINDOW <= p->in_h && left + TG_WINOGRAD_WINDOW <= p->in_w) {
          tg_conv2d_winograd_4x4_dsp_s8_inputs(input + top * row + left * channels, channels, row, v);
        } else {
          tg_conv2d_winograd_4x4_dsp_s8_gather(p, input, top, left, (int8_t *)m);
          tg_conv2d_winograd_4x4_dsp_s8_inputs((const int8_t *)m, channels, TG_WINOGRAD_WINDOW * channels, v);
        }
        const tg_i32 *u = filter;
        const tg_i32 *constants = bias;
        int8_t *to = output + (y * p->out_w + x) * out_c;
        TG_COMPACT
        for (int32_t channel = 0; channel < out_c; channel += 4) {
          tg_conv2d_winograd_4x4_dsp_s8_products(v, u, fours, m);
          tg_conv2d_winograd_4x4_dsp_s8_tile(p, m, constants, tg_min(out_c - channel, 4), p->out_h - y,
                                             p->out_w - x, to);
          u += 4 * TG_WINOGRAD_PLACES * 2 * fours;
          constants += 4 * TG_WINOGRAD_BIASES;
          to += 4;
        }
        left += TG_WINOGRAD_SIDE;
      }
      top += TG_WINOGRAD_SIDE;
    }
    tg_dsp_clamp(output, outputs, p->act_min, p->act_max);
    input += p->in_h * row;
    output += outputs;
  }
}

#undef TG_PER_CHANNEL
#undef TG_WINOGRAD_SIDE
#undef TG_WINOGRAD_WINDOW
#undef TG_WINOGRAD_PLACES
#undef TG_WINOGRAD_ADD
#undef TG_WINOGRAD_BEGIN
#undef TG_WINOGRAD_FOUR
#undef TG_WINOGRAD_AHEAD
#undef TG_WINOGRAD_EXCESS
#undef TG_WINOGRAD_BIASES
#undef TG_WINOGRAD_FINISH
#undef TG_WINOGRAD_INVERSE
