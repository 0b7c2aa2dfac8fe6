/* How the loops of tg_dsp_depthwise_block.h read a channel and make outputs of sums, by its epilogue. */
#ifndef TG_DSP_DEPTHWISE_BLOCK_END_H
#define TG_DSP_DEPTHWISE_BLOCK_END_H

/* With TG_DEPTHWISE_BLOCK_SCALES: shifts sums by a channel's scale in r12, and leaves the multiplier. */
#if !TG_DEPTHWISE_BLOCK_SCALES
#define TG_DEPTHWISE_BLOCK_SHIFT
#define TG_DEPTHWISE_BLOCK_FILTER "ldm r12!, {r2, r3, r4, r8}\n\t"
#elif TG_EPILOGUE_FUSED
#define TG_DEPTHWISE_BLOCK_SHIFT \
  "asr r11, r11, r12\n\t"        \
  "asr r10, r10, r12\n\t"        \
  "asr r8, r8, r12\n\t"          \
  "asr r9, r9, r12\n\t"          \
  "bic r12, r12, #255\n\t"
#define TG_DEPTHWISE_BLOCK_FILTER       \
  "ldm r12!, {r2, r3, r4, r8, r10}\n\t" \
  "str r10, [sp, #8]\n\t"
#else
/* The words of tg_epilogue_last.h: on the stack, 48 what is added to products, 52 the shift after it. */
#define TG_DEPTHWISE_BLOCK_FILTER            \
  "ldm r12!, {r2, r3, r4, r8, r10, r11}\n\t" \
  "str r10, [sp, #8]\n\t"                    \
  "ldr r10, [sp, #12]\n\t"                   \
  "str r11, [sp, #52]\n\t"                   \
  "lsl r10, r10, r11\n\t"                    \
  "str r10, [sp, #48]\n\t"
#endif

/* Sums, the multiplier being in r12, to outputs. */
#if !TG_EPILOGUE_FUSED
#define TG_BLOCK_ROOM "sub sp, sp, #8\n\t"
#define TG_BLOCK_ROOM_BACK "add sp, sp, #8\n\t"
#define TG_BLOCK_PRODUCT(x) TG_EPILOGUE_SPARING_PRODUCT(x, "lr", "r12")
#define TG_BLOCK_PLUS(x) TG_EPILOGUE_SPARING_PLUS(x, "lr")
#define TG_BLOCK_LAST(x) "asr " x ", " x ", lr\n\t"
#define TG_BLOCK_ALL(what) what("r11") what("r10") what("r9") what("r8")
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #48]\n\t"                   \
  TG_BLOCK_ALL(TG_BLOCK_PRODUCT)            \
  TG_EPILOGUE_SPARING_AGAIN("ldr lr, [sp, #48]\n\t") \
  TG_BLOCK_ALL(TG_BLOCK_PLUS)               \
  "ldr lr, [sp, #52]\n\t"                   \
  "ldr r12, [sp, #20]\n\t"                  \
  TG_BLOCK_ALL(TG_BLOCK_LAST)               \
  "ldr lr, [sp, #16]\n\t"                   \
  TG_BLOCK_ALL(TG_EPILOGUE_SATURATE)        \
  "strb r9, [r1, lr]\n\t"                   \
  "strb r8, [r1]\n\t"                       \
  "add r1, r1, r12\n\t"                     \
  "strb r11, [r1, lr]\n\t"                  \
  "strb r10, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"
#elif TG_DUAL_ISSUE
#define TG_BLOCK_ROOM
#define TG_BLOCK_ROOM_BACK
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #12]\n\t"                  \
  TG_DEPTHWISE_BLOCK_SHIFT                 \
  "smmlar r11, r11, r12, lr\n\t"           \
  "smmlar r10, r10, r12, lr\n\t"           \
  "smmlar r8, r8, r12, lr\n\t"             \
  "ssat r11, #8, r11\n\t"                  \
  "smmlar r9, r9, r12, lr\n\t"             \
  "ssat r10, #8, r10\n\t"                  \
  "ldr lr, [sp, #16]\n\t"                  \
  "ldr r12, [sp, #20]\n\t"                 \
  "ssat r9, #8, r9\n\t"                    \
  "ssat r8, #8, r8\n\t"                    \
  "strb r9, [r1, lr]\n\t"                  \
  "strb r8, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"                    \
  "strb r11, [r1, lr]\n\t"                 \
  "strb r10, [r1]\n\t"                     \
  "add r1, r1, r12\n\t"
#else
#define TG_BLOCK_ROOM
#define TG_BLOCK_ROOM_BACK
#define TG_BLOCK_END                        \
  "ldr lr, [sp, #12]\n\t"                  \
  TG_DEPTHWISE_BLOCK_SHIFT                 \
  "smmlar r9, r9, r12, lr\n\t"             \
  "smmlar r8, r8, r12, lr\n\t"             \
  "smmlar r11, r11, r12, lr\n\t"           \
  "smmlar r10, r10, r12, lr\n\t"           \
  "ssat r9, #8, r9\n\t"                    \
  "ssat r8, #8, r8\n\t"                    \
  "ssat r11, #8, r11\n\t"                  \
  "ldr lr, [sp, #16]\n\t"                  \
  "ldr r12, [sp, #20]\n\t"                 \
  "strb r9, [r1, lr]\n\t"                  \
  "strb r8, [r1]\n\t"                      \
  "add r1, r1, r12\n\t"                    \
  "ssat r10, #8, r10\n\t"                  \
  "strb r11, [r1, lr]\n\t"                 \
  "strb r10, [r1]\n\t"                     \
  "add r1, r1, r12\n\t"
#endif

#endif
