/* Input and output of an Xtensa core in qemu-system-xtensa -semihosting: the emulator's own input and output. */
#include "monitor.h"

enum { TG_SYS_EXIT = 1, TG_SYS_READ = 3, TG_SYS_WRITE = 4 };

int32_t tg_simcall(int32_t operation, uint32_t file, uint32_t address, uint32_t size);

static void all(int32_t operation, uint32_t file, const void *data, uint32_t size);

static void all(int32_t operation, uint32_t file, const void *data, uint32_t size)
{
    uint32_t at = (uint32_t)(uintptr_t)data;
    while (size > 0) {
        const int32_t count = tg_simcall(operation, file, at, size);
        if (count <= 0) {
            tg_exit();
        }
        at += (uint32_t)count;
        size -= (uint32_t)count;
    }
}

void tg_receive(void *data, uint32_t size)
{
    all(TG_SYS_READ, 0, data, size);
}

void tg_send(const void *data, uint32_t size)
{
    all(TG_SYS_WRITE, 1, data, size);
}

void tg_exit(void)
{
    (void)tg_simcall(TG_SYS_EXIT, 0, 0, 0);
    for (;;) {
    }
}
