#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef unsigned int uint;
bool stdio_init_all(void);
void sleep_ms(uint32_t ms);
void tight_loop_contents(void);
