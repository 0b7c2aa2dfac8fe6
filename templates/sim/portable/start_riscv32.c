/* Reset, exceptions and calls of the emulator of a RISC-V core in qemu-system-riscv32 -M virt -semihosting. */
#include "monitor.h"

/* The control and status registers, which gcc's rv32imc does not name. */
__asm__(".option arch, +zicsr");

void Reset_Handler(void);
void tg_trap(void);

/* The whole stack is free again: nothing returns from an exception. */
__attribute__((naked, aligned(4), section(".text.tg_trap"))) void tg_trap(void)
{
    __asm__ volatile("mv a2, sp\n\t"
                     "la sp, tg_stack_top\n\t"
                     "csrr a0, mcause\n\t"
                     "csrr a1, mepc\n\t"
                     "call tg_fault");
}

__attribute__((naked, used, section(".text.tg_start"))) void Reset_Handler(void)
{
    __asm__ volatile("la sp, tg_stack_top\n\t"
                     "la t0, tg_trap\n\t"
                     "csrw mtvec, t0\n\t"
                     "call main");
}

/* The three instructions, none compressed, tell the emulator that the breakpoint is a call. */
__attribute__((naked, noinline, aligned(16))) uint32_t tg_semihost(uint32_t operation, uint32_t argument)
{
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     "slli x0, x0, 0x1f\n\t"
                     "ebreak\n\t"
                     "srai x0, x0, 7\n\t"
                     ".option pop\n\t"
                     "ret" ::: "memory");
}

__attribute__((naked)) uint32_t tg_counter(void)
{
    __asm__ volatile("csrr a0, minstret\n\tret");
}

__attribute__((naked)) uint32_t tg_stack_pointer(void)
{
    __asm__ volatile("mv a0, sp\n\tret");
}

__attribute__((naked, section(".text.tg_nothing"))) int tg_nothing(void)
{
    __asm__ volatile("ret");
}
