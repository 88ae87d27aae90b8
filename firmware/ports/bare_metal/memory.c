// What a C compiler calls without being told to, where there is no C library. The stores are volatile
// so that it does not make calls of these functions out of their own loops.
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    volatile unsigned char *target = to;
    const unsigned char *source = from;
    for (; bytes > 0; --bytes) *target++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    volatile unsigned char *target = to;
    for (; bytes > 0; --bytes) *target++ = (unsigned char)value;
    return to;
}
