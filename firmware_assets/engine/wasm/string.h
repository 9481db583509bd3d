/* The only functions of a C library that the engine needs, for clang --target=wasm32, which has none. With -mbulk-memory
 * these calls become instructions. */
#ifndef EDGEKWS_STRING_H
#define EDGEKWS_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

#endif
