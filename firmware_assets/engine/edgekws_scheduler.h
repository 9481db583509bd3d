/* The interface (edgekws.c) calls the scheduler through this: edgekws_window.c or edgekws_sliding.c, as the model was
 * generated. */
#ifndef EDGEKWS_SCHEDULER_H
#define EDGEKWS_SCHEDULER_H

#include "edgekws_kernels.h"

#include <string.h>

/* Before the first sample after a reset; in window mode before the first sample of every window. */
void edgekws_begin(edgekws_state *spotter);

/* Samples that the first stage takes before its next call; EDGEKWS_UNSEEN: the rest of the window is not looked at. */
uint32_t edgekws_missing(const edgekws_state *spotter);
#define EDGEKWS_UNSEEN UINT32_MAX

/* One piece of work: calls of one stage's kernel, of the deepest stage that has the frames. All pieces come in the same
 * order, however the samples arrive. Returns what it was in the generator's units, or 0 when no stage has the frames. */
uint32_t edgekws_step(edgekws_state *spotter);

/* The same of the work that is left after the last sample of a window. The last piece makes the scores, and the spotter
 * ready for the next window. */
uint32_t edgekws_finish(edgekws_state *spotter);

/* One call of a stage's kernel: how many outputs of how many positions, from how many frames. */
typedef struct {
    uint32_t outputs, pool, frames;
} edgekws_call;

/* The next call of a stage that has computed `done` frames of a window; it has 0 outputs when all are done. It depends on
 * nothing else, so the calls are the same in whatever pieces the samples arrive. */
edgekws_call edgekws_next_call(const edgekws_stage *stage, uint32_t done);

#if EDGEKWS_SLIDING
/* The input of a stage, or of the first dense layer; see edgekws_sliding.c. */
typedef struct {
    uint32_t frames; /* of a window */
    uint32_t first;  /* first frame of a window in the trunk; the left edge is before it */
    uint32_t last;   /* one after the last frame in the trunk: the right edge begins here */
    uint32_t hop;    /* frames from one window to the next */
    uint16_t channels;
    uint16_t slots;              /* how many windows' left edges are kept at once */
    uint32_t buffer, left, right; /* where the trunk's frames and the edges lie in edgekws_state.buffers */
} edgekws_map;

extern const edgekws_map edgekws_maps[EDGEKWS_STAGES + 1];
#endif

/* Moves the `values` values that stay to the start of a buffer, over the `passed` values before them. */
static inline void edgekws_keep(edgekws_value *start, size_t passed, size_t values)
{
    if (values <= passed)
        memcpy(start, start + passed, values * sizeof *start); /* faster than memmove on a microcontroller */
    else
        memmove(start, start + passed, values * sizeof *start);
}

#endif
