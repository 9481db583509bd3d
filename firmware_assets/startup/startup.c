/* From reset to main() on a Cortex-M, real or emulated: no library, no interrupts. link.ld puts the vectors first. */
#include <stdint.h>

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], stack_limit[], stack_top[];

int main(void);
void fault(void); /* the program defines it: every exception ends there */
void reset_handler(void);

void reset_handler(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* enables the coprocessors, including Helium */
    __asm__ volatile("dsb\n isb");
#endif
    const uint32_t *from = data_image;
    for (volatile uint32_t *word = data_begin; word < data_end; word++) *word = *from++;
    for (volatile uint32_t *word = bss_begin; word < stack_limit; word++) *word = 0;
    main();
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, (const void *)reset_handler, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault, 0, 0, 0,
    (const void *)fault, (const void *)fault, 0, (const void *)fault, (const void *)fault,
};
