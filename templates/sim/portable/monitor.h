/* What the monitor needs of a core. */
#ifndef TG_MONITOR_H
#define TG_MONITOR_H

#include <stdint.h>

/* Bytes from and to the program that emulates the core. */
void tg_receive(void *data, uint32_t size);
void tg_send(const void *data, uint32_t size);

/* End the emulation. */
void tg_exit(void);

/* What counts instructions, and the caller's stack pointer. */
uint32_t tg_counter(void);
uint32_t tg_stack_pointer(void);

/* A function of one instruction, its return: called to know what a call itself counts. */
int tg_nothing(void);

/* Calls the emulator, where input and output go through semihosting: an operation and the address of its arguments. */
uint32_t tg_semihost(uint32_t operation, uint32_t argument);

/* For ever: take commands from the program that emulates the core, and obey. */
void tg_monitor(void);

/* Called by the core's own code for exceptions: tell the number, the address and the stack pointer, and end. */
void tg_fault(uint32_t cause, uint32_t address, uint32_t stack);

#endif
