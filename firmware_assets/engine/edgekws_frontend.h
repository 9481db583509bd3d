/* The front end, which samples must pass before the engine: a DC blocker, and level control if the model was trained with
 * it (EDGEKWS_LEVEL_CONTROL). It uses integers; edgekws/model/front_end.py does the same on the PC, sample for sample.
 *
 *     static edgekws_frontend frontend;
 *     static int16_t heard[256 + EDGEKWS_FRONTEND_WAITING];
 *     edgekws_frontend_reset(&frontend);
 *     for (;;) {
 *         size_t n = microphone(buffer);                            // at most 256 samples
 *         n = edgekws_frontend_push(&frontend, buffer, n, heard);   // then edgekws_push(&spotter, heard, n)
 *     }
 *
 * It works on blocks of 10 ms, and gives samples back when their block is complete. At the end of a recording,
 * edgekws_frontend_flush gives the rest. Nothing is allocated, nothing is global: use one edgekws_frontend a stream. */
#ifndef EDGEKWS_FRONTEND_H
#define EDGEKWS_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "edgekws.h"

#define EDGEKWS_FRONTEND_BLOCK 160   /* samples */
#define EDGEKWS_FRONTEND_WAITING 159 /* samples that wait at most */

/* The state of one stream. Its fields are the front end's own. */
typedef struct {
    int32_t d;        /* 5120 times the mean of the last third of a second */
    int32_t envelope; /* 256 times the level that sets the gain */
    uint16_t waiting; /* samples of the incomplete block */
    bool begun;
    int16_t block[EDGEKWS_FRONTEND_BLOCK];
} edgekws_frontend;

/* Starts over: the next sample is the first of a stream. */
static inline void edgekws_frontend_reset(edgekws_frontend *frontend)
{
    memset(frontend, 0, sizeof *frontend);
}

/* Writes the waiting samples without the present offset. Levels are at least 256, so the gain is 1/2 to 64, in Q12. */
static inline void edgekws_frontend_write(edgekws_frontend *frontend, int16_t *out)
{
    const int32_t offset = (frontend->d + 2560 + 5120 * 32768) / 5120 - 32768;
    int32_t peak = 256;
    for (uint32_t i = 0; i < frontend->waiting; i++) {
        int32_t y = frontend->block[i] - offset;
        y = y > 32767 ? 32767 : y < -32767 ? -32767 : y;
        out[i] = EDGEKWS_CAST(int16_t, y);
        y = y < 0 ? -y : y;
        if (y > peak) peak = y;
    }
    frontend->envelope -= frontend->envelope >> 7;
    if (frontend->envelope < peak * 256) frontend->envelope = peak * 256;
#if EDGEKWS_LEVEL_CONTROL
    const int32_t gain = (1 << 30) / (frontend->envelope >> 4);
    for (uint32_t i = 0; i < frontend->waiting; i++) out[i] = EDGEKWS_CAST(int16_t, (out[i] * gain + 2048) >> 12);
#endif
    frontend->waiting = 0;
}

/* Takes samples and writes every block that they complete: up to count + EDGEKWS_FRONTEND_WAITING samples. `out` must not
 * overlap `samples`. Returns how many it wrote. */
static inline size_t edgekws_frontend_push(edgekws_frontend *frontend, const int16_t *samples, size_t count,
                                           int16_t *out)
{
    size_t written = 0;
    for (size_t taken = 0; taken < count; taken++) {
        frontend->block[frontend->waiting++] = samples[taken];
        if (frontend->waiting < EDGEKWS_FRONTEND_BLOCK) continue;
        int32_t sum = 0;
        for (uint32_t i = 0; i < EDGEKWS_FRONTEND_BLOCK; i++) sum += frontend->block[i];
        frontend->d = frontend->begun ? frontend->d + sum - (frontend->d >> 5) : 32 * sum;
        frontend->begun = true;
        edgekws_frontend_write(frontend, out + written);
        written += EDGEKWS_FRONTEND_BLOCK;
    }
    return written;
}

/* Ends a stream: writes the samples of the incomplete block, up to EDGEKWS_FRONTEND_WAITING, and returns how many. The
 * next push starts another stream. */
static inline size_t edgekws_frontend_flush(edgekws_frontend *frontend, int16_t *out)
{
    const size_t written = frontend->waiting;
    edgekws_frontend_write(frontend, out);
    edgekws_frontend_reset(frontend);
    return written;
}

#endif
