#pragma once
#include <stdbool.h>
typedef void (*irq_handler_t)(void);
enum { PIO0_IRQ_0 = 7 };
void irq_set_exclusive_handler(unsigned int number, irq_handler_t handler);
void irq_set_enabled(unsigned int number, bool enabled);
