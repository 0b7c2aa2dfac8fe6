/* Reset, exceptions, calls of the emulator and the counter of a Cortex-M55 in qemu-system-arm -M mps3-an547. */
#include "monitor.h"

#define TG_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
/* Armv8-M Architecture Reference Manual, D1.2: the cause of a fault. */
#define TG_CFSR TG_REGISTER(0xE000ED28u)
/* Arm SSE-300 Technical Reference Manual: the system counter's control, and the low word of its count. */
#define TG_CNTCR TG_REGISTER(0x58100000u)
#define TG_CNTCV TG_REGISTER(0x58101000u)
#define TG_STACK_OVERFLOW (1u << 20)

extern uint8_t tg_stack_top[];

int main(void);
void Reset_Handler(void);
void tg_begin(void);
void tg_trap(void);
void tg_explain(const uint32_t *frame, uint32_t stack);

extern void *const tg_vectors[16];
__attribute__((used, section(".rodata.tg_vectors"))) void *const tg_vectors[16] = {
    tg_stack_top,
    (void *)(uintptr_t)Reset_Handler,
    (void *)(uintptr_t)tg_trap,
    (void *)(uintptr_t)tg_trap,
    (void *)(uintptr_t)tg_trap,
    (void *)(uintptr_t)tg_trap,
    (void *)(uintptr_t)tg_trap,
};

/* Vectors and floats are at hand before any compiled code runs, and the stack has its limit. */
__attribute__((naked, used, section(".text.tg_start"))) void Reset_Handler(void)
{
    __asm__ volatile("ldr r0, =tg_stack_end\n\t"
                     "msr msplim, r0\n\t"
                     "ldr r0, =0xE000ED88\n\t"
                     "ldr r1, [r0]\n\t"
                     "orr r1, r1, #0x00F00000\n\t"
                     "str r1, [r0]\n\t"
                     "dsb\n\t"
                     "isb\n\t"
                     "bl tg_begin\n\t"
                     ".ltorg");
}

__attribute__((used)) void tg_begin(void)
{
    TG_CNTCR = 1;
    (void)main();
}

/* The whole stack is free again: nothing returns from an exception. */
__attribute__((naked, used, section(".text.tg_trap"))) void tg_trap(void)
{
    __asm__ volatile("mov r0, sp\n\t"
                     "mov r1, sp\n\t"
                     "ldr r2, =tg_stack_top\n\t"
                     "mov sp, r2\n\t"
                     "bl tg_explain\n\t"
                     ".ltorg");
}

/* frame: where the core put its registers, the address of the instruction among them. */
__attribute__((used)) void tg_explain(const uint32_t *frame, uint32_t stack)
{
    const uint32_t causes = TG_CFSR;
    uint32_t cause = 0;
    while (cause < 31u && ((causes >> cause) & 1u) == 0u) {
        cause++;
    }
    const uint32_t overflow = causes & TG_STACK_OVERFLOW;
    tg_fault(overflow ? 20u : cause, overflow ? 0u : frame[6], overflow ? 0u : stack);
}

__attribute__((naked, noinline)) uint32_t tg_semihost(uint32_t operation, uint32_t argument)
{
    __asm__ volatile("bkpt #0xAB\n\t"
                     "bx lr" ::: "memory");
}

uint32_t tg_counter(void)
{
    return TG_CNTCV;
}

__attribute__((naked)) uint32_t tg_stack_pointer(void)
{
    __asm__ volatile("mov r0, sp\n\t"
                     "bx lr");
}

__attribute__((naked, section(".text.tg_nothing"))) int tg_nothing(void)
{
    __asm__ volatile("bx lr");
}
