/* Microseconds since init_timer, by the core's SysTick. */
#ifndef TIMER_H
#define TIMER_H

#include <stdint.h>

void init_timer(void);

/* Begins anew after 71 minutes. */
uint32_t get_time_in_us(void);

#endif
