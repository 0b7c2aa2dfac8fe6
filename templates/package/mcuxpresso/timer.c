/* Microseconds by SysTick, which every Cortex-M of NXP's has. An RTOS uses it too: then measure with its own clock. */
#include "timer.h"

#include "fsl_device_registers.h"

#define TICKS_PER_SECOND 100u

static volatile uint32_t ticks;

void SysTick_Handler(void);

void SysTick_Handler(void)
{
    ticks++;
}

void init_timer(void)
{
    /* Ten milliseconds fit the counter's 24 bits up to 1.6 GHz. */
    (void)SysTick_Config(SystemCoreClock / TICKS_PER_SECOND);
}

uint32_t get_time_in_us(void)
{
    uint32_t passed;
    uint32_t left;
    do { /* once more if a tick came in between */
        passed = ticks;
        left = SysTick->VAL;
    } while (passed != ticks);
    const uint32_t cycles = SysTick->LOAD - left;
    return passed * (1000000u / TICKS_PER_SECOND) + (uint32_t)((uint64_t)cycles * 1000000u / SystemCoreClock);
}
