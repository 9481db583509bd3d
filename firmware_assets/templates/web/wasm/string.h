/* All that the engine takes from a C library: WebAssembly has none. The first three are instructions of its own. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

static inline int memcmp(const void *a, const void *b, size_t count)
{
    const unsigned char *left = a, *right = b;
    for (; count; count--, left++, right++)
        if (*left != *right) return *left < *right ? -1 : 1;
    return 0;
}

#endif
