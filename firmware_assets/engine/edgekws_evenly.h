/* Spreads a spotter's work evenly: no push takes much longer than the mean, but results come a little later.
 *
 *     static edgekws_evenly evenly;
 *     edgekws_reset(&spotter);
 *     edgekws_evenly_reset(&evenly);
 *     for (;;) {
 *         ... samples as for edgekws_push
 *         i += edgekws_evenly_push(&evenly, &spotter, heard + i, n - i);
 *         if (edgekws_ready(&spotter)) puts(edgekws_labels[edgekws_label(&spotter)]);
 *     }
 *
 * Scores and their order are those of edgekws_push. A result comes at most EDGEKWS_EVENLY_DELAY samples after the end of its
 * window; edgekws_evenly_late says how many. At the end of a recording, push silence of that length to get the last result.
 *
 * Every EDGEKWS_EVENLY_STEP samples of a window, counted back from its end, the spotter gets EDGEKWS_EVENLY_WORK more credit.
 * A piece of work may take more than the credit, which then becomes negative. Samples that come meanwhile wait. The generator
 * ran the same steps with counters in place of values (convert/engine/schedule.py), to find how much work a step needs, how
 * many samples wait at most, and how late a result is at most. */
#ifndef EDGEKWS_EVENLY_H
#define EDGEKWS_EVENLY_H

#include <string.h>

#include "edgekws.h"

typedef struct {
    int32_t credit; /* work that may be done; below 0 if more was done */
    uint32_t until; /* samples until the next end of a window */
    uint32_t waiting;
    int16_t samples[EDGEKWS_EVENLY_WAITING];
} edgekws_evenly;

/* Starts over. Reset the spotter too. */
static inline void edgekws_evenly_reset(edgekws_evenly *evenly)
{
    memset(evenly, 0, sizeof *evenly);
    evenly->until = EDGEKWS_WINDOW;
}

/* Does the work that the credit allows, up to a result. Credit that is left over is not kept. */
static inline void edgekws_evenly_work(edgekws_evenly *evenly, edgekws_state *spotter)
{
    evenly->credit += EDGEKWS_EVENLY_WORK;
    while (evenly->credit > 0 && !edgekws_ready(spotter)) {
        const uint32_t work = edgekws_work(spotter);
        evenly->credit -= EDGEKWS_CAST(int32_t, work);
        if (work) continue;
        const size_t taken = edgekws_take(spotter, evenly->samples, evenly->waiting);
        if (!taken) break;
        evenly->waiting -= EDGEKWS_CAST(uint32_t, taken);
        memmove(evenly->samples, evenly->samples + taken, evenly->waiting * sizeof *evenly->samples);
    }
    if (evenly->credit > 0) evenly->credit = 0;
}

/* Takes samples up to a result at most, and returns how many. Push the rest after reading the scores. */
static inline size_t edgekws_evenly_push(edgekws_evenly *evenly, edgekws_state *spotter, const int16_t *samples,
                                         size_t count)
{
    size_t taken = 0;
    spotter->ready = 0;
    while (taken < count && !edgekws_ready(spotter)) {
        uint32_t wanted = (evenly->until - 1) % EDGEKWS_EVENLY_STEP + 1;
        if (wanted > count - taken) wanted = EDGEKWS_CAST(uint32_t, count - taken);
        memcpy(evenly->samples + evenly->waiting, samples + taken, wanted * sizeof *samples);
        taken += wanted;
        evenly->waiting += wanted;
        evenly->until -= wanted;
        if (evenly->until % EDGEKWS_EVENLY_STEP) break;
        if (!evenly->until) evenly->until = EDGEKWS_HOP;
        edgekws_evenly_work(evenly, spotter);
    }
    return taken;
}

/* After a result: how many samples came since the end of its window. */
static inline uint32_t edgekws_evenly_late(const edgekws_evenly *evenly)
{
    return EDGEKWS_HOP - evenly->until;
}

#endif
