/* Reset, exceptions and input and output of a RISC-V core in qemu-system-riscv32 -M virt -semihosting: the emulator's
 * own input and output, as files (RISC-V Semihosting 0.2; Semihosting for AArch32 and AArch64, chapter 6). */
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

enum { TG_SYS_OPEN = 0x01, TG_SYS_WRITE = 0x05, TG_SYS_READ = 0x06, TG_SYS_EXIT = 0x18 };
enum { TG_OPEN_READ = 1, TG_OPEN_WRITE = 5 }; /* "rb", "wb" */
#define TG_APPLICATION_EXIT 0x20026u

uint32_t tg_semihost(uint32_t operation, uint32_t argument);

static uint32_t input;
static uint32_t output;

static void all(uint32_t operation, uint32_t file, const void *data, uint32_t size);
static uint32_t opened(const char *name, uint32_t size, uint32_t mode);

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

static uint32_t opened(const char *name, uint32_t size, uint32_t mode)
{
    const volatile uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, mode, size};
    return tg_semihost(TG_SYS_OPEN, (uint32_t)(uintptr_t)arguments);
}

/* The operation answers how many bytes are left. */
static void all(uint32_t operation, uint32_t file, const void *data, uint32_t size)
{
    uint32_t at = (uint32_t)(uintptr_t)data;
    while (size > 0) {
        const volatile uint32_t arguments[3] = {file, at, size};
        const uint32_t left = tg_semihost(operation, (uint32_t)(uintptr_t)arguments);
        if (left >= size) {
            tg_exit();
        }
        at += size - left;
        size = left;
    }
}

void tg_receive(void *data, uint32_t size)
{
    if (input == 0) {
        input = opened("/dev/stdin", 10, TG_OPEN_READ);
    }
    all(TG_SYS_READ, input, data, size);
}

void tg_send(const void *data, uint32_t size)
{
    if (output == 0) {
        output = opened("/dev/stdout", 11, TG_OPEN_WRITE);
    }
    all(TG_SYS_WRITE, output, data, size);
}

void tg_exit(void)
{
    (void)tg_semihost(TG_SYS_EXIT, TG_APPLICATION_EXIT);
    for (;;) {
    }
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
