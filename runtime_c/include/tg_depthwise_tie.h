/* For the depthwise loop in the instructions of ARMv6-M (tg_depthwise_3x3_s8.c), with an epilogue that looks at results half
 * way between two integers (tg_epilogue_onnxi20.h): numbers before their shift are in r1 to r4, the parts of the multiplier
 * on the stack, lowest first. */
#ifndef TG_DEPTHWISE_TIE_H
#define TG_DEPTHWISE_TIE_H

/* The sums, which are in r1 to r4 first. */
#define TG_DEPTHWISE_TIE_KEEP "mov r8, r1\n\tmov r9, r2\n\tmov r10, r3\n\tmov r11, r4\n\t"

/* x: the number; sum: where its sum is. */
#define TG_DEPTHWISE_TIE_TEST_ONE(x, sum) \
  "lsls r5, " x ", #17\n\t"               \
  "lsrs r5, r5, #23\n\t"                  \
  "bne 77f\n\t"                           \
  "mov r5, " sum "\n\t"                   \
  "mov r6, " x "\n\t"                     \
  "bl 90f\n\t"                            \
  "mov " x ", r6\n"                       \
  "77:\n\t"
#define TG_DEPTHWISE_TIE_TEST            \
  TG_DEPTHWISE_TIE_TEST_ONE("r1", "r8")  \
  TG_DEPTHWISE_TIE_TEST_ONE("r2", "r9")  \
  TG_DEPTHWISE_TIE_TEST_ONE("r3", "r10") \
  TG_DEPTHWISE_TIE_TEST_ONE("r4", "r11")

/* The sum in r5, the number in r6; lr is 2^15 afterwards. */
#define TG_DEPTHWISE_TIE_APART(function) \
  "b 91f\n"                              \
  "90:\n\t"                              \
  "push {r0, r1, r2, r3, lr}\n\t"        \
  "mov r0, r12\n\t"                      \
  "push {r0}\n\t"                        \
  "ldr r3, [sp, #68]\n\t"                \
  "ldr r2, [sp, #72]\n\t"                \
  "ldr r1, [sp, #76]\n\t"                \
  "mov r0, r5\n\t"                       \
  "bl " function "\n\t"                  \
  "lsls r0, r0, #15\n\t"                 \
  "adds r6, r6, r0\n\t"                  \
  "pop {r0}\n\t"                         \
  "mov r12, r0\n\t"                      \
  "movs r0, #128\n\t"                    \
  "lsls r0, r0, #8\n\t"                  \
  "mov lr, r0\n\t"                       \
  "pop {r0, r1, r2, r3, pc}\n"           \
  "91:\n\t"

#endif
