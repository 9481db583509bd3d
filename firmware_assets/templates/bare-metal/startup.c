/* From reset to main: no C library is started, as none is needed. */
#include <stdint.h>

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_top[];

int main(void);

static void stop(void)
{
    for (;;) {
    }
}

void reset_handler(void);
void reset_handler(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: lets the coprocessor run, Helium among it */
    __asm__ volatile("dsb\n isb");
#endif
    const uint32_t *from = data_image;
    for (volatile uint32_t *to = data_begin; to < data_end; to++) *to = *from++;
    for (volatile uint32_t *to = bss_begin; to < bss_end; to++) *to = 0;
    main();
    stop();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,          (const void *)reset_handler, (const void *)stop, (const void *)stop,
    (const void *)stop, (const void *)stop,          (const void *)stop, (const void *)stop,
    0, 0, 0, (const void *)stop, (const void *)stop, 0, (const void *)stop, (const void *)stop,
};
