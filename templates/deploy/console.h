/* Text out, to wherever console.c sends it. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>

void start_console(void);
void print_text(const char *text);
void print_number(uint32_t value);
void print_hex(uint32_t value);

/* A number of thousandths as a decimal with three digits after the point. */
void print_thousandths(int32_t value);

/* The end: tells the debugger or the emulator, if one listens, and never returns. status 0: all is well. */
void stop(int status) __attribute__((noreturn));

#endif
