/* libFuzzer harness over samples and chunking; run.py builds and runs it.
 *
 * Two engines of one model are linked: one in sliding mode, and one in window mode named edgekws_window_.
 * Window mode in chunks must equal window mode in one push, and every hop of sliding mode that of its own window, pushed as
 * samples come and at an even pace. */
#include "edgekws_evenly.h"
#include "edgekws_window.h"

#include <stdlib.h>
#include <string.h>

enum { HOPS = 6, SAMPLES = EDGEKWS_WINDOW + HOPS * EDGEKWS_HOP };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The scores of a window in one push. */
static const int8_t *golden(const int16_t *samples)
{
    static edgekws_window_state spotter;
    edgekws_window_reset(&spotter);
    require(edgekws_window_push(&spotter, samples, EDGEKWS_WINDOW) == EDGEKWS_WINDOW);
    require(edgekws_window_ready(&spotter));
    return edgekws_window_scores(&spotter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    /* A byte: how many chunk lengths follow; these bytes, used in turn; samples, repeated as often as it takes. */
    const size_t chunks = min(1u + data[0] % 16, size - 3);
    const uint8_t *lengths = data + 1, *bytes = data + 1 + chunks;
    const size_t count = (size - 1 - chunks) / 2;
    static int16_t samples[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) memcpy(&samples[i], bytes + 2 * (i % count), 2);

    static edgekws_state sliding;
    static edgekws_window_state window;
    size_t turn = 0;
    edgekws_reset(&sliding);
    if (data[0] & 64) { /* another stream, cut short */
        edgekws_push(&sliding, samples, min(3u * data[1], SAMPLES));
        edgekws_reset(&sliding);
    }
    for (size_t at = 0; at < SAMPLES;) {
        const size_t wanted = min(1u + 3u * lengths[turn++ % chunks], SAMPLES - at);
        const size_t taken = edgekws_push(&sliding, samples + at, wanted);
        at += taken;
        require(taken <= wanted);
        const bool due = at >= EDGEKWS_WINDOW && (at - EDGEKWS_WINDOW) % EDGEKWS_HOP == 0;
        require(edgekws_ready(&sliding) == due && (taken == wanted || due));
        if (due) require(!memcmp(edgekws_scores(&sliding), golden(samples + at - EDGEKWS_WINDOW), EDGEKWS_CLASSES));
    }
    static edgekws_evenly evenly;
    edgekws_reset(&sliding);
    edgekws_evenly_reset(&evenly);
    for (size_t at = 0, results = 0; at < SAMPLES;) {
        const size_t wanted = min(1u + 3u * lengths[turn++ % chunks], SAMPLES - at);
        at += edgekws_evenly_push(&evenly, &sliding, samples + at, wanted);
        if (!edgekws_ready(&sliding)) continue;
        const size_t end = EDGEKWS_WINDOW + results++ * EDGEKWS_HOP;
        require(edgekws_evenly_late(&evenly) <= EDGEKWS_EVENLY_DELAY && at - edgekws_evenly_late(&evenly) == end);
        require(!memcmp(edgekws_scores(&sliding), golden(samples + end - EDGEKWS_WINDOW), EDGEKWS_CLASSES));
    }
    edgekws_window_reset(&window);
    for (size_t at = 0; at < SAMPLES;) {
        at += edgekws_window_push(&window, samples + at, min(1u + 3u * lengths[turn++ % chunks], SAMPLES - at));
        require(edgekws_window_ready(&window) == (at % EDGEKWS_WINDOW == 0));
        if (edgekws_window_ready(&window))
            require(!memcmp(edgekws_window_scores(&window), golden(samples + at - EDGEKWS_WINDOW), EDGEKWS_CLASSES));
    }
    return 0;
}
