/* runner.c for emulators that bring a C library (QEMU's user mode; picolibc by semihosting): the same files, no stack. */
#include "edgekws.h"

#include <stdio.h>

#ifndef RUNNER_CHUNK
#define RUNNER_CHUNK 250 /* samples a push */
#endif

static edgekws_state spotter;
static int16_t samples[RUNNER_CHUNK];

/* As in runner.c, of four bytes each. */
#ifdef __riscv
#define RETURN ".option push\n.option norvc\nret\n.option pop\n"
#else
#define RETURN "ret\n"
#endif
__asm__(".text\n.balign 4\n.globl marks\nmarks: .rept 66\n" RETURN ".endr\n");
extern const char marks[];

static void mark(uint32_t i)
{
    ((void (*)(void))(uintptr_t)(marks + 4 * i))();
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

int main(void)
{
    FILE *input = fopen("samples", "rb"), *output = fopen("scores", "wb");
    if (!input || !output) return 1;
    edgekws_reset(&spotter);
    for (uint32_t left = EDGEKWS_WINDOW;;) {
        const uint32_t wanted = left < RUNNER_CHUNK ? left : RUNNER_CHUNK;
        if (fread(samples, sizeof *samples, wanted, input) != wanted) break;
        mark(65);
        left -= (uint32_t)edgekws_push(&spotter, samples, wanted);
        mark(65);
        if (!edgekws_ready(&spotter)) continue;
        mark(64);
        fwrite(edgekws_scores(&spotter), 1, EDGEKWS_CLASSES, output);
        left = EDGEKWS_HOP;
    }
    return fclose(output) ? 1 : 0;
}
