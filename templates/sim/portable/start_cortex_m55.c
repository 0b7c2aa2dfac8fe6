/* Reset, exceptions and calls of the emulator of a Cortex-M55 in qemu-system-arm -M mps3-an547 -semihosting. The board's
 * system counter, of 32 MHz, counts the emulator's time (Arm Corstone SSE-300 Technical Reference Manual, system counter;
 * Arm AN547). */
#include "monitor.h"

#define TG_CPACR 0xE000ED88
#define TG_COUNTER_CONTROL 0x58100000
#define TG_COUNTER 0x48101000
#define TG_TEXT_OF(x) #x
#define TG_TEXT(x) TG_TEXT_OF(x)

extern uint32_t tg_stack_top[];
extern uint32_t tg_stack_end[];
int main(void);
void Reset_Handler(void);
void tg_trap(void);

/* Nothing is saved here: a frame that the stack has no room for is not read. The whole stack is free again, for nothing
 * returns from an exception. */
__attribute__((naked)) void tg_trap(void)
{
    __asm__ volatile("mov r2, sp\n\t"
                     "mrs r0, ipsr\n\t"
                     "movs r1, #0\n\t"
                     "ldr r3, =tg_stack_end\n\t"
                     "cmp r2, r3\n\t"
                     "blo 1f\n\t"
                     "ldr r1, [r2, #24]\n\t" /* where it happened */
                     "1:\n\t"
                     "ldr r3, =tg_stack_top\n\t"
                     "mov sp, r3\n\t"
                     "bl tg_fault\n\t"
                     ".ltorg");
}

__attribute__((used, section(".vectors"))) static void (*const vectors[])(void) = {
    (void (*)(void))(uintptr_t)tg_stack_top, Reset_Handler, tg_trap, tg_trap, tg_trap, tg_trap, tg_trap, tg_trap,
};

/* The FPU, whose registers are the vectors too, is off at first; the counter as well. */
__attribute__((naked, section(".text.tg_start"))) void Reset_Handler(void)
{
    __asm__ volatile("ldr r0, =" TG_TEXT(TG_CPACR) "\n\t"
                     "ldr r1, [r0]\n\t"
                     "orr r1, r1, #0xF00000\n\t"
                     "str r1, [r0]\n\t"
                     "ldr r0, =" TG_TEXT(TG_COUNTER_CONTROL) "\n\t"
                     "movs r1, #1\n\t"
                     "str r1, [r0]\n\t"
                     "dsb\n\t"
                     "isb\n\t"
                     "bl main\n\t"
                     ".ltorg");
}

__attribute__((naked, noinline)) uint32_t tg_semihost(uint32_t operation, uint32_t argument)
{
    __asm__ volatile("bkpt 0xab\n\t"
                     "bx lr" ::: "memory");
}

__attribute__((naked)) uint32_t tg_counter(void)
{
    __asm__ volatile("ldr r0, =" TG_TEXT(TG_COUNTER) "\n\t"
                     "ldr r0, [r0]\n\t"
                     "bx lr\n\t"
                     ".ltorg");
}

__attribute__((naked)) uint32_t tg_stack_pointer(void)
{
    __asm__ volatile("mov r0, sp\n\tbx lr");
}

__attribute__((naked, section(".text.tg_nothing"))) int tg_nothing(void)
{
    __asm__ volatile("bx lr");
}
