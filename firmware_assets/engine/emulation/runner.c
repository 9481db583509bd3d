/* Runs a generated engine on an emulated Cortex-M: reads int16 samples from the file `samples`, writes the scores of every
 * window to the file `scores`, and at the end the bytes of stack that the engine used (uint32, little endian). Files are
 * reached by semihosting. Nothing here counts as the engine: link.ld keeps it apart. */
#include <stddef.h>
#include <stdint.h>

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT = 0x18, APPLICATION_EXIT = 0x20026 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
#define MARK(i) ((void (*)(void))((uintptr_t)marks + 2 * (i)))
#define PAINT UINT32_C(0xA5A5A5A5)

extern uint32_t stack_limit[], stack_top[];

static uint32_t input, output; /* files */

/* As runner.h wants them, of two bytes each. */
__attribute__((naked, noinline)) static void marks(void)
{
    __asm__ volatile(".rept 66\n bx lr\n .endr");
}

#include "runner.h"

static int32_t host(int32_t operation, const void *arguments)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, mode, length};
    return (uint32_t)host(SYS_OPEN, arguments);
}

/* Returns how many bytes were not moved. */
static uint32_t move(int32_t operation, uint32_t file, const void *bytes, uint32_t count)
{
    const uint32_t arguments[3] = {file, (uint32_t)(uintptr_t)bytes, count};
    return (uint32_t)host(operation, arguments);
}

static size_t read_samples(int16_t *to, size_t count)
{
    return count - move(SYS_READ, input, to, (uint32_t)(count * sizeof *to)) / sizeof *to;
}

static void write_scores(const int8_t *scores, size_t count)
{
    if (count) move(SYS_WRITE, output, scores, (uint32_t)count);
}

static uint32_t stack_used(uintptr_t from)
{
    const uint32_t *word = stack_limit;
    while (*word == PAINT) word++;
    return (uint32_t)(from - (uintptr_t)word);
}

static void run(void)
{
    uint32_t *here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (volatile uint32_t *word = stack_limit; word < here; word++) *word = PAINT; /* no memset: it has a stack */

    input = open_file("samples", 7, READ_BINARY);
    output = open_file("scores", 6, WRITE_BINARY);
    run_engine();
    const uint32_t stack = stack_used((uintptr_t)here);
    move(SYS_WRITE, output, &stack, sizeof stack);
    move(SYS_CLOSE, output, 0, 0);
}

static void finish(void)
{
    host(SYS_EXIT, (const void *)APPLICATION_EXIT);
    for (;;) {
    }
}

void fault(void);
void fault(void)
{
    finish(); /* without scores: the host sees that they are missing */
}

int main(void)
{
    run();
    finish();
}
