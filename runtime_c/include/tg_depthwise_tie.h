/* For the depthwise loop in the instructions of ARMv6-M (tg_depthwise_3x3_s8.c), with an epilogue that looks at results half
 * way between two integers (tg_epilogue_onnxi20.h): r0 is on the stack, r1 is the channel's state. */
#ifndef TG_DEPTHWISE_TIE_H
#define TG_DEPTHWISE_TIE_H

/* x: the number before its shift; sum: where its sum is. */
#define TG_DEPTHWISE_TIE_TEST(x, sum) \
  "lsls r4, " x ", #17\n\t"          \
  "lsrs r4, r4, #23\n\t"           \
  "bne 77f\n\t"                    \
  "mov r5, " sum "\n\t"             \
  "mov r6, " x "\n\t"               \
  "bl 90f\n\t"                     \
  "mov " x ", r6\n"                 \
  "77:\n\t"

/* The sum in r5, the number in r6. */
#define TG_DEPTHWISE_TIE_APART(function) \
  "b 91f\n"                            \
  "90:\n\t"                            \
  "push {r1, r2, r3, lr}\n\t"          \
  "mov r0, r12\n\t"                    \
  "push {r0}\n\t"                      \
  "ldr r2, [r1, #40]\n\t"              \
  "ldr r3, [r1, #36]\n\t"              \
  "ldr r1, [r1, #72]\n\t"              \
  "mov r0, r5\n\t"                     \
  "bl " function "\n\t"                \
  "lsls r0, r0, #15\n\t"               \
  "adds r6, r6, r0\n\t"                \
  "pop {r0}\n\t"                       \
  "mov r12, r0\n\t"                    \
  "pop {r1, r2, r3}\n\t"               \
  "ldr r0, [r1, #68]\n\t"              \
  "mov lr, r0\n\t"                     \
  "pop {pc}\n"                         \
  "91:\n\t"

#endif
