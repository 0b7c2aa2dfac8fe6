/* Input and output through semihosting: the emulator's own, as files (Semihosting for AArch32 and AArch64, chapter 6;
 * RISC-V Semihosting 0.2 has the same operations). */
#include "monitor.h"

enum { TG_SYS_OPEN = 0x01, TG_SYS_WRITE = 0x05, TG_SYS_READ = 0x06, TG_SYS_EXIT = 0x18 };
enum { TG_OPEN_READ = 1, TG_OPEN_WRITE = 5 }; /* "rb", "wb" */
#define TG_APPLICATION_EXIT 0x20026u

static uint32_t input;
static uint32_t output;

static void all(uint32_t operation, uint32_t file, const void *data, uint32_t size);
static uint32_t opened(const char *name, uint32_t size, uint32_t mode);

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
