/* Commands from the program that emulates the core: read memory, write memory, call a function and count. */
#include "monitor.h"

enum { TG_READ = 1, TG_WRITE = 2, TG_CALL = 3, TG_END = 4 };
enum { TG_DONE = 0, TG_FAULT = 1 };

typedef struct {
    uint32_t operation;
    uint32_t address;
    uint32_t size;
} tg_command;

typedef struct {
    uint32_t status;
    uint32_t value; /* of a fault: its number */
    uint32_t before; /* the counter; of a fault: the address */
    uint32_t after;
    uint32_t stack; /* the stack pointer at the call */
} tg_reply;

/* Of the stack, between the monitor's own variables and those of the functions that it calls: what lies below may be
 * written while the monitor runs. */
#define TG_APART 2048

/* Of a function's address: Thumb code is called at an odd one. */
#if defined(__thumb__)
#define TG_CODE 1u
#else
#define TG_CODE 0u
#endif

static void answer(uint32_t status, uint32_t value, uint32_t before, uint32_t stack);
static void call(const tg_command *command, tg_reply *reply);

static void answer(uint32_t status, uint32_t value, uint32_t before, uint32_t stack)
{
    const tg_reply reply = {status, value, before, 0, stack};
    tg_send(&reply, sizeof reply);
}

static __attribute__((noinline)) void call(const tg_command *command, tg_reply *reply)
{
    uint8_t apart[TG_APART];
    int (*const function)(void) = (int (*)(void))(uintptr_t)(command->address | TG_CODE);
    __asm__ volatile("" : : "r"(apart) : "memory"); /* in use: it must be there */
    reply->status = TG_DONE;
    reply->stack = tg_stack_pointer();
    reply->before = tg_counter();
    reply->value = (uint32_t)function();
    reply->after = tg_counter();
    __asm__ volatile("" : : "r"(apart) : "memory");
}

void tg_fault(uint32_t cause, uint32_t address, uint32_t stack)
{
    answer(TG_FAULT, cause, address, stack);
    tg_exit();
}

void tg_monitor(void)
{
    for (;;) {
        tg_command command;
        tg_receive(&command, sizeof command);
        uint8_t *const place = (uint8_t *)(uintptr_t)command.address;
        if (command.operation == TG_READ) {
            answer(TG_DONE, 0, 0, 0);
            tg_send(place, command.size);
        } else if (command.operation == TG_WRITE) {
            tg_receive(place, command.size);
            answer(TG_DONE, 0, 0, 0);
        } else if (command.operation == TG_CALL) {
            tg_reply reply;
            call(&command, &reply);
            tg_send(&reply, sizeof reply);
        } else {
            tg_exit();
        }
    }
}
