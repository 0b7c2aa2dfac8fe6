/* Ends of the loops of tg_depthwise_runs.h in the instructions of ARMv6-M: from sums in r1 to r4, of which the last two belong
 * to the upper halves, to outputs. On the stack, from 0 on: tg_depthwise_3x3_s8_channel_state. */
#ifndef TG_DEPTHWISE_ENDS_H
#define TG_DEPTHWISE_ENDS_H

#define TG_DEPTHWISE_EACH(what) what("r1") what("r2") what("r3") what("r4")
#define TG_DEPTHWISE_PLUS(x) "adds " x ", " x ", r7\n\t"
#define TG_DEPTHWISE_BIASED "ldr r7, [sp, #40]\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_PLUS)
/* To the loop's beginning, near or not, for the next windows of a row, or out of it. */
#define TG_DEPTHWISE_AGAIN_NEAR(loop) \
  "ldr r7, [sp, #84]\n\t"             \
  "cmp r0, r7\n\t"                    \
  "bne " loop "\n\t"                  \
  "b 5f\n"
#define TG_DEPTHWISE_AGAIN(loop) \
  "ldr r7, [sp, #84]\n\t"        \
  "cmp r0, r7\n\t"               \
  "beq 5f\n\t"                   \
  "b " loop "\n"
#define TG_DEPTHWISE_ROW_DONE "5:\n\tb 80f\n"

#define TG_DEPTHWISE_SHIFT(x) "asrs " x ", " x ", r7\n\t"
#define TG_DEPTHWISE_TIMES(x) "muls " x ", r7, " x "\n\t"
#define TG_DEPTHWISE_LOWEST(x) "cmp " x ", r7\n\tbge 7f\n\tmov " x ", r7\n7:\n\t"

/* Seldom, so out of the way. */
#define TG_DEPTHWISE_MOST(x, apart, back) "cmp " x ", r7\n\tbgt " apart "f\n" back ":\n\t"
#define TG_DEPTHWISE_IS_MOST(x, apart, back) apart ":\n\tmov " x ", r7\n\tb " back "b\n"

/* Results in r1 to r4 to outputs. */
#define TG_DEPTHWISE_STORED(least, again)                                       \
  least "\n\t" TG_DEPTHWISE_EACH(TG_DEPTHWISE_LOWEST)                           \
  "ldr r7, [sp, #68]\n\t"                                                       \
  TG_DEPTHWISE_MOST("r1", "31", "41") TG_DEPTHWISE_MOST("r2", "32", "42")       \
  TG_DEPTHWISE_MOST("r3", "33", "43") TG_DEPTHWISE_MOST("r4", "34", "44")       \
  "add r5, sp, #72\n\t"                                                         \
  "ldmia r5, {r5, r6, r7}\n\t"                                                  \
  "strb r1, [r5]\n\t"                                                           \
  "strb r3, [r5, r7]\n\t"                                                       \
  "adds r5, r5, r6\n\t"                                                         \
  "strb r2, [r5]\n\t"                                                           \
  "strb r4, [r5, r7]\n\t"                                                       \
  "adds r5, r5, r6\n\t"                                                         \
  "str r5, [sp, #72]\n\t"                                                       \
  again                                                                         \
  TG_DEPTHWISE_IS_MOST("r1", "31", "41") TG_DEPTHWISE_IS_MOST("r2", "32", "42") \
  TG_DEPTHWISE_IS_MOST("r3", "33", "43") TG_DEPTHWISE_IS_MOST("r4", "34", "44") \
  TG_DEPTHWISE_ROW_DONE

/* Sums in r1 to r4 to where the epilogue finds them. */
#define TG_DEPTHWISE_SUMS(loop)     \
  TG_DEPTHWISE_BIASED               \
  "ldr r5, [sp, #104]\n\t"          \
  "stmia r5!, {r1, r2, r3, r4}\n\t" \
  "str r5, [sp, #104]\n\t"          \
  TG_DEPTHWISE_AGAIN(loop) TG_DEPTHWISE_ROW_DONE

/* The multiplier by parts (numerics/epilogue.py, Narrow), for two of the sums: low, middle and high bring a part to r5 and
 * r7, again the middle one once more. */
#define TG_DEPTHWISE_PARTS_BY(a, b, low, middle, again, high) \
  low "\n\t"                   \
  "mov r6, r5\n\t"             \
  "muls r5, " a ", r5\n\t"     \
  "muls r6, " b ", r6\n\t"     \
  "asrs r5, r5, #10\n\t"       \
  "asrs r6, r6, #10\n\t"       \
  middle "\n\t"                \
  "muls r7, " a ", r7\n\t"     \
  "adds r5, r5, r7\n\t"        \
  again "\n\t"                 \
  "muls r7, " b ", r7\n\t"     \
  "adds r6, r6, r7\n\t"        \
  "asrs r5, r5, #10\n\t"       \
  "asrs r6, r6, #10\n\t"       \
  high "\n\t"                  \
  "muls " a ", r7, " a "\n\t"  \
  "muls " b ", r7, " b "\n\t"  \
  "adds " a ", " a ", r5\n\t"  \
  "adds " b ", " b ", r6\n\t"
#define TG_DEPTHWISE_PARTS(a, b)                                                                          \
  TG_DEPTHWISE_PARTS_BY(a, b, "ldr r5, [sp, #44]", "ldr r7, [sp, #48]", "ldr r7, [sp, #48]", "ldr r7, [sp, #52]")
/* Of all four sums, r9 being spoilt. */
#define TG_DEPTHWISE_PARTS_FOUR                                                                                    \
  TG_DEPTHWISE_PARTS_BY("r1", "r2", "ldr r5, [sp, #44]", "ldr r7, [sp, #48]\n\tmov r9, r7", "mov r7, r9",          \
                        "ldr r7, [sp, #52]")                                                                       \
  TG_DEPTHWISE_PARTS_BY("r3", "r4", "ldr r5, [sp, #44]", "mov r7, r9", "mov r7, r9", "ldr r7, [sp, #52]")
/* With the parts in r8, r9 and r10. */
#define TG_DEPTHWISE_PARTS_NEAR(a, b) TG_DEPTHWISE_PARTS_BY(a, b, "mov r5, r8", "mov r7, r9", "mov r7, r9", "mov r7, r10")

#endif
