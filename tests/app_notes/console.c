/* What the emulated boards lack of an SDK: a console, whose text the test reads from memory. */
#include <stdarg.h>
#include <stdint.h>

#include "fsl_debug_console.h"

/* The application under test, with another name for its main: the emulator calls it. */
int application_main(void) __attribute__((noinline, used));
#define main application_main
#include "main.c"
#undef main

char console[256];
static uint32_t length;

static void put(char character)
{
    if (length + 1 < sizeof(console)) {
        console[length++] = character;
    }
}

int PRINTF(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (format[0] == '%' && format[1] == 'd') {
            int value = va_arg(arguments, int);
            put((char)('0' + value % 10)); /* classes: one digit */
            format++;
        } else {
            put(*format);
        }
    }
    va_end(arguments);
    return 0;
}

int main(void)
{
    for (;;) {
        (void)application_main();
    }
}
