/* From reset to main() on a Cortex-M, real or emulated: no library, no interrupts. link.ld puts the vectors first. */
#include <stdint.h>

extern uint32_t bss_begin[], stack_limit[], stack_top[];

int main(void);
void fault(void); /* the program's own: where every exception ends */
void reset_handler(void);

void reset_handler(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* lets the coprocessor run, Helium among it */
    __asm__ volatile("dsb\n isb");
#endif
    for (volatile uint32_t *word = bss_begin; word < stack_limit; word++) *word = 0; /* no memset: not volatile */
    main();
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, (const void *)reset_handler, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};
