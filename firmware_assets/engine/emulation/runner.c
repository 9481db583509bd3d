/* Runs a generated engine on an emulated Cortex-M: reads int16 samples from the file `samples`, writes the scores of every
 * window to the file `scores`, and at the end the bytes of stack that the engine used (uint32, little endian). Files are reached by semihosting. Nothing here counts as the engine: link.ld keeps it apart. */
#include "edgekws.h"

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT = 0x18, APPLICATION_EXIT = 0x20026 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
#ifndef RUNNER_CHUNK
#define RUNNER_CHUNK 250 /* samples a push */
#endif
#define PAINT UINT32_C(0xA5A5A5A5)

extern uint32_t stack_limit[], stack_top[];

static edgekws_state spotter;
static int16_t samples[RUNNER_CHUNK];

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

/* Returns the number of bytes that were not moved. */
static uint32_t move(int32_t operation, uint32_t file, const void *bytes, uint32_t count)
{
    const uint32_t arguments[3] = {file, (uint32_t)(uintptr_t)bytes, count};
    return (uint32_t)host(operation, arguments);
}

/* The instruction counter notices these being run: the first for the stage 0, and so on; 64 for a whole window; 65 for
 * the begin and the end of a push. */
__attribute__((naked, noinline)) static void marks(void)
{
    __asm__ volatile(".rept 66\n bx lr\n .endr");
}

static void mark(uint32_t i)
{
    ((void (*)(void))((uintptr_t)marks + 2 * i))();
}

#ifdef EDGEKWS_TRACE
void edgekws_trace(uint32_t stage, const edgekws_value *frames, uint32_t values);
void edgekws_trace(uint32_t stage, const edgekws_value *frames, uint32_t values)
{
    (void)frames;
    (void)values;
    mark(stage);
}
#endif

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

    const uint32_t input = open_file("samples", 7, READ_BINARY), output = open_file("scores", 6, WRITE_BINARY);
    edgekws_reset(&spotter);
    for (uint32_t left = EDGEKWS_WINDOW;;) { /* to the next result; in the same chunks each time */
        const uint32_t wanted = left < RUNNER_CHUNK ? left : RUNNER_CHUNK;
        if (move(SYS_READ, input, samples, wanted * sizeof *samples)) break;
        mark(65);
        left -= (uint32_t)edgekws_push(&spotter, samples, wanted);
        mark(65);
        if (!edgekws_ready(&spotter)) continue;
        mark(64);
        move(SYS_WRITE, output, edgekws_scores(&spotter), EDGEKWS_CLASSES);
        left = EDGEKWS_HOP;
    }
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
