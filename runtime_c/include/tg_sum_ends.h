/* From sums to outputs in the instructions of ARMv6-M, with the two words of tg_epilogue_last.h as a channel's scale. */
#ifndef TG_SUM_ENDS_H
#define TG_SUM_ENDS_H

#include "tg_core.h"
#include "tg_high_word.h"
#include "tg_numerics.h"

#define TG_SUM_STRING(x) #x
#define TG_SUM_TEXT(x) TG_SUM_STRING(x)

/* The sum in r2 to what is to be bounded. For narrow epilogues: the multiplier's parts in r4, r5 and r6, what is added to the
 * product in r12, and the shift after that in r7: 11 cycles, and what the epilogue looks at besides. */
#define TG_SUM_NARROW(test)  \
  "mov r3, r2\n\t"           \
  "muls r3, r6, r3\n\t"      \
  "asrs r3, r3, #10\n\t"     \
  "mov r0, r2\n\t"           \
  "muls r0, r5, r0\n\t"      \
  "adds r3, r3, r0\n\t"      \
  "asrs r3, r3, #10\n\t"     \
  "muls r2, r4, r2\n\t"      \
  "adds r2, r2, r3\n\t"      \
  "add r2, r12\n\t" test     \
  "asrs r2, r2, r7\n\t"
/* For epilogues that multiply by 31 bits, LESS being TG_EPILOGUE_<NAME>_LONG_LESS: the multiplier's halves in r4 and r5, the
 * shift after the product in r6, and what is added to it in r7: 17 cycles beside LESS. */
#define TG_SUM_LONG(LESS)                                           \
  TG_HIGH_WORD_TWICE("r2", "r0", "r3", "r4", "r5") LESS("r2", "r0") \
  "adds r2, r2, r7\n\t"                                             \
  "asrs r2, r2, r6\n\t"

#if TG_HIGH_WORD_LOOPS

/* What outputs of a channel share. The code knows the fields by their places. */
typedef struct {
  int32_t min;
  int32_t max;
  int32_t step;  /* from an output to the next */
  int32_t round; /* of narrow epilogues */
  int32_t parts[4];
} tg_sum_ends;

/* words: the channel's scale; center: TG_EPILOGUE_<NAME>_CENTER. */
static inline void tg_sum_ends_long(tg_sum_ends *ends, const tg_i32 *words, int32_t center) {
  const uint32_t multiplier = (uint32_t)words[0];
  ends->parts[0] = (int32_t)(multiplier & 0xFFFFu);
  ends->parts[1] = (int32_t)(multiplier >> 16);
  ends->parts[2] = words[1] + 1;
  ends->parts[3] = (int32_t)((uint32_t)center << words[1]);
}

/* bits, half: TG_EPILOGUE_<NAME>_NARROW_BITS and _HALF. */
static inline void tg_sum_ends_narrow(tg_sum_ends *ends, const tg_i32 *words, int32_t center, int32_t bits,
                                      int32_t half) {
  const uint32_t multiplier = (uint32_t)words[0];
  const int32_t shift = words[1] + bits;
  ends->round = (int32_t)(((uint32_t)center << shift) + (uint32_t)half);
  ends->parts[0] = (int32_t)(multiplier >> 20);
  ends->parts[1] = (int32_t)(multiplier >> 10 & 0x3FF);
  ends->parts[2] = (int32_t)(multiplier & 0x3FF);
  ends->parts[3] = shift + 1;
}

/* r0: ends, r1: sums, r2: behind the last of them, r3: the first output. SUM: one of the above. 14 cycles beside it. */
#define TG_SUM_ENDS(SUM)            \
  ".syntax unified\n\t"             \
  "push {r7}\n\t"                   \
  "mov lr, r2\n\t"                  \
  "mov r10, r3\n\t"                 \
  "ldmia r0!, {r2, r3, r4, r5}\n\t" \
  "mov r8, r2\n\t"                  \
  "mov r9, r3\n\t"                  \
  "mov r11, r4\n\t"                 \
  "mov r12, r5\n\t"                 \
  "ldmia r0!, {r4, r5, r6, r7}\n"   \
  "1:\n\t"                          \
  "ldmia r1!, {r2}\n\t" SUM         \
  "cmp r2, r8\n\t"                  \
  "bge 2f\n\t"                      \
  "mov r2, r8\n"                    \
  "2:\n\t"                          \
  "cmp r2, r9\n\t"                  \
  "bgt 4f\n"                        \
  "3:\n\t"                          \
  "mov r0, r10\n\t"                 \
  "strb r2, [r0]\n\t"               \
  "add r10, r11\n\t"                \
  "cmp r1, lr\n\t"                  \
  "bne 1b\n\t"                      \
  "b 5f\n"                          \
  "4:\n\t"                          \
  "mov r2, r9\n\t"                  \
  "b 3b\n"                          \
  "5:\n\t"                          \
  "pop {r7}\n\t"

#endif

#endif
