/* What gcc calls of a C library by itself, for cores whose gcc comes without one. volatile: or these would become calls
 * of themselves. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    volatile unsigned char *t = to;
    const unsigned char *f = from;
    for (size_t i = 0; i < size; i++) {
        t[i] = f[i];
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    volatile unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) {
        for (size_t i = 0; i < size; i++) {
            t[i] = f[i];
        }
    } else {
        for (size_t i = size; i > 0; i--) {
            t[i - 1] = f[i - 1];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    volatile unsigned char *t = to;
    for (size_t i = 0; i < size; i++) {
        t[i] = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
    const volatile unsigned char *a = one;
    const volatile unsigned char *b = other;
    for (size_t i = 0; i < size; i++) {
        const int difference = a[i] - b[i];
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}
