/* Processor cycles since start_timer. */
#ifndef TIMER_H
#define TIMER_H

#include <stdint.h>

void start_timer(void);
uint64_t timer_cycles(void);

#endif
