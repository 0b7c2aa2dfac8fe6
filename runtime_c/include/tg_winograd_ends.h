/* The end of a tile's channel in the instructions of ARMv6-M, for epilogues that multiply by 31 bits and shift: from sums to
 * bytes. See tg_winograd_tile.h and tg_epilogue_last.h. */
#ifndef TG_WINOGRAD_ENDS_H
#define TG_WINOGRAD_ENDS_H

#include "tg_high_word.h"
#include "tg_numerics.h"

#if TG_HIGH_WORD_LOOPS

/* Where the outputs of a tile lie, two in a column. center: of TG_EPILOGUE_<NAME>_FOLDED; columns: bytes of a row's sums;
 * right, down: bytes to the next outputs, down being 0 where the lower one does not count. The code for ARMv6-M knows the
 * fields by their places. */
typedef struct {
  int32_t center;
  int32_t least;
  int32_t most;
  int32_t right;
  int32_t columns;
  int32_t down;
} tg_winograd_ends;

/* The sum in r2 to an output: 23 cycles beside LESS; it seldom lies above what goes to SATURATE and comes back. */
#define TG_WINOGRAD_END(LESS, SATURATE, BACK) \
  "add r2, r8\n\t" TG_HIGH_WORD_TWICE("r2", "r0", "r3", "r4", "r5") LESS("r2", "r0") \
  "add r2, r9\n\t" \
  "asrs r2, r2, r6\n\t" \
  "cmp r2, r10\n\t" \
  "bge 2f\n\t" \
  "mov r2, r10\n" \
  "2:\n\t" \
  "cmp r2, r11\n\t" \
  "bgt " SATURATE "f\n" \
  BACK ":\n\t"

/* r0: ends, r1: sums, four to a row, r2: the channel's bias and words, r3: its first output; LESS:
 * TG_EPILOGUE_<NAME>_LONG_LESS. 60 cycles a column, the lower output first, which the upper one replaces where there is no
 * row for it; 36 a channel. The multiplier's halves are in r4 and r5, its shift in r6, the output in r7; the bias, what is
 * added before the shift, bounds, the step to the right and the end of the row of sums in r8 to r12 and lr. */
#define TG_WINOGRAD_ENDS(LESS) \
  "push {r7}\n\t" /* which may be the frame pointer */ \
  "ldmia r2!, {r4, r5, r6}\n\t" \
  "mov r8, r4\n\t" \
  "ldmia r0!, {r2, r4, r7}\n\t" \
  "lsls r2, r2, r6\n\t" \
  "mov r9, r2\n\t" \
  "mov r10, r4\n\t" \
  "mov r11, r7\n\t" \
  "ldmia r0!, {r2, r4, r7}\n\t" \
  "mov r12, r2\n\t" \
  "adds r4, r4, r1\n\t" \
  "mov lr, r4\n\t" \
  "push {r7}\n\t" \
  "mov r7, r3\n\t" \
  "adds r6, r6, #1\n\t" \
  "uxth r4, r5\n\t" \
  "lsrs r5, r5, #16\n" \
  "1:\n\t" \
  "ldr r2, [r1, #16]\n\t" TG_WINOGRAD_END(LESS, "5", "3") \
  "ldr r0, [sp]\n\t" \
  "strb r2, [r7, r0]\n\t" \
  "ldmia r1!, {r2}\n\t" TG_WINOGRAD_END(LESS, "6", "4") \
  "strb r2, [r7]\n\t" \
  "add r7, r12\n\t" \
  "cmp r1, lr\n\t" \
  "bne 1b\n\t" \
  "b 7f\n" \
  "5:\n\t" \
  "mov r2, r11\n\t" \
  "b 3b\n" \
  "6:\n\t" \
  "mov r2, r11\n\t" \
  "b 4b\n" \
  "7:\n\t" \
  "add sp, sp, #4\n\t" \
  "pop {r7}\n\t"

#endif

#endif
