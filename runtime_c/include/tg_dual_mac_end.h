/* How the loops of tg_dual_mac.h make outputs of sums, by the epilogue. */
#ifndef TG_DUAL_MAC_END_H
#define TG_DUAL_MAC_END_H

#if TG_EPILOGUE_FUSED

/* To r0, in this order; a scale stays in r4. Shifts by a register take its lowest byte. */
#if TG_DUAL_MAC_SCALES
#define TG_DUAL_MAC_PRE  \
  "ldr r0, [r7, #4]\n\t" \
  "ldmia r0!, {r4}\n\t"  \
  "str r0, [r7, #4]\n\t" \
  "movs r0, r4\n\t"
#define TG_DUAL_MAC_MULTIPLIER \
  "lsrs r0, r4, #16\n\t"
#define TG_DUAL_MAC_ROUND \
  "lsrs r4, r4, #8\n\t"   \
  "ldr r0, [r7, #28]\n\t" \
  "lsls r0, r0, r4\n\t"
#define TG_DUAL_MAC_POST \
  "adds r0, r4, #1\n\t"
#else
#define TG_DUAL_MAC_PRE "ldr r0, [r7, #20]\n\t"
#define TG_DUAL_MAC_MULTIPLIER "ldr r0, [r7, #24]\n\t"
#define TG_DUAL_MAC_ROUND "ldr r0, [r7, #28]\n\t"
#define TG_DUAL_MAC_POST "ldr r0, [r7, #32]\n\t"
#endif

/* Sums in r2, r3, r5 and r6, or in r2, to what is to be bounded. */
#define TG_DUAL_MAC_FOUR \
  TG_DUAL_MAC_PRE \
  "asrs r2, r2, r0\n\t" \
  "asrs r3, r3, r0\n\t" \
  "asrs r5, r5, r0\n\t" \
  "asrs r6, r6, r0\n\t" \
  TG_DUAL_MAC_MULTIPLIER \
  "muls r2, r0, r2\n\t" \
  "muls r3, r0, r3\n\t" \
  "muls r5, r0, r5\n\t" \
  "muls r6, r0, r6\n\t" \
  TG_DUAL_MAC_ROUND \
  "adds r2, r2, r0\n\t" \
  "adds r3, r3, r0\n\t" \
  "adds r5, r5, r0\n\t" \
  "adds r6, r6, r0\n\t" \
  TG_DUAL_MAC_POST \
  "asrs r2, r2, r0\n\t" \
  "asrs r3, r3, r0\n\t" \
  "asrs r5, r5, r0\n\t" \
  "asrs r6, r6, r0\n\t"
#define TG_DUAL_MAC_ONE \
  TG_DUAL_MAC_PRE \
  "asrs r2, r2, r0\n\t" \
  TG_DUAL_MAC_MULTIPLIER \
  "muls r2, r0, r2\n\t" \
  TG_DUAL_MAC_ROUND \
  "adds r2, r2, r0\n\t" \
  TG_DUAL_MAC_POST \
  "asrs r2, r2, r0\n\t"

#else

/* See tg_epilogue_last.h for a channel's words. The multiplier's parts to r4, r5 and r6, what is added to the product to
 * r12, and the shift after that to r1. */
#define TG_DUAL_MAC_STRING(x) #x
#define TG_DUAL_MAC_TEXT(x) TG_DUAL_MAC_STRING(x)
#define TG_DUAL_MAC_NARROW_WORDS \
  "push {r1}\n\t" \
  "ldr r0, [r7, #4]\n\t" \
  "ldmia r0!, {r4, r5}\n\t" \
  "str r0, [r7, #4]\n\t" \
  "adds r5, #" TG_DUAL_MAC_TEXT(TG_EPILOGUE_NARROW_BITS) "\n\t" \
  "ldr r0, [r7, #28]\n\t" \
  "lsls r0, r0, r5\n\t" \
  "movs r6, #" TG_DUAL_MAC_TEXT(TG_EPILOGUE_NARROW_HALF) " >> 8\n\t" \
  "lsls r6, r6, #8\n\t" \
  "adds r0, r0, r6\n\t" \
  "mov r12, r0\n\t" \
  "adds r1, r5, #1\n\t" \
  "lsls r6, r4, #22\n\t" \
  "lsrs r6, r6, #22\n\t" \
  "lsls r5, r4, #12\n\t" \
  "lsrs r5, r5, #22\n\t" \
  "lsrs r4, r4, #20\n\t"
/* The sum in r2 to what is to be bounded: 11 cycles. */
#define TG_DUAL_MAC_NARROW \
  "mov r3, r2\n\t" \
  "muls r3, r6, r3\n\t" \
  "asrs r3, r3, #10\n\t" \
  "mov r0, r2\n\t" \
  "muls r0, r5, r0\n\t" \
  "adds r3, r3, r0\n\t" \
  "asrs r3, r3, #10\n\t" \
  "muls r2, r4, r2\n\t" \
  "adds r2, r2, r3\n\t" \
  "add r2, r12\n\t" \
  "asrs r2, r2, r1\n\t"
#define TG_DUAL_MAC_NARROW_END \
  "ldr r0, [r7, #16]\n\t" \
  "mov r12, r0\n\t" \
  "pop {r1}\n\t"
#define TG_DUAL_MAC_FOUR \
  TG_DUAL_MAC_NARROW_WORDS TG_DUAL_MAC_NARROW \
  "mov r8, r2\n\t" \
  "mov r2, r9\n\t" TG_DUAL_MAC_NARROW \
  "mov r9, r2\n\t" \
  "mov r2, r10\n\t" TG_DUAL_MAC_NARROW \
  "mov r10, r2\n\t" \
  "mov r2, r11\n\t" TG_DUAL_MAC_NARROW TG_DUAL_MAC_NARROW_END \
  "mov r6, r2\n\t" \
  "mov r2, r8\n\t" \
  "mov r3, r9\n\t" \
  "mov r5, r10\n\t"
#define TG_DUAL_MAC_ONE TG_DUAL_MAC_NARROW_WORDS TG_DUAL_MAC_NARROW TG_DUAL_MAC_NARROW_END

#endif

#endif
