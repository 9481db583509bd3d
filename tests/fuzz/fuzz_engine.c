/* libFuzzer harness over samples and chunking; run.py builds and runs it.
 *
 * Two engines of one model are linked: one in sliding mode, and one in window mode whose symbols begin with window_.
 * Window mode in chunks must equal window mode in one push, and every hop of sliding mode that of its own window. */
#include "edgekws.h"

#include <stdlib.h>
#include <string.h>

enum { HOPS = 6, SAMPLES = EDGEKWS_WINDOW + HOPS * EDGEKWS_HOP };

void window_edgekws_reset(void *spotter);
size_t window_edgekws_push(void *spotter, const int16_t *samples, size_t count);
bool window_edgekws_ready(const void *spotter);
const int8_t *window_edgekws_scores(const void *spotter);
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
    static uint32_t spotter[WINDOW_STATE_BYTES / 4];
    window_edgekws_reset(spotter);
    require(window_edgekws_push(spotter, samples, EDGEKWS_WINDOW) == EDGEKWS_WINDOW);
    require(window_edgekws_ready(spotter));
    return window_edgekws_scores(spotter);
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

    static edgekws sliding;
    static uint32_t window[WINDOW_STATE_BYTES / 4];
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
    window_edgekws_reset(window);
    for (size_t at = 0; at < SAMPLES;) {
        at += window_edgekws_push(window, samples + at, min(1u + 3u * lengths[turn++ % chunks], SAMPLES - at));
        require(window_edgekws_ready(window) == (at % EDGEKWS_WINDOW == 0));
        if (window_edgekws_ready(window))
            require(!memcmp(window_edgekws_scores(window), golden(samples + at - EDGEKWS_WINDOW), EDGEKWS_CLASSES));
    }
    return 0;
}
