/* Front end, engine and detector in a row; see edgekws_stream.h. */
#include "edgekws_stream.h"

#include "edgekws_detector.h"
#include "edgekws_frontend.h"
#include "edgekws_selftest.h"

enum { NEVER = 256 }; /* no average reaches it */
static const uint16_t tuned[EDGEKWS_CLASSES] = EDGEKWS_DETECTOR_THRESHOLDS;
static const uint16_t tuned_release[EDGEKWS_CLASSES] = EDGEKWS_DETECTOR_RELEASES;

typedef struct {
    edgekws_state spotter;
    edgekws_frontend frontend;
    edgekws_detector detector;
    int16_t ready[EDGEKWS_STREAM_BLOCK + EDGEKWS_FRONTEND_WAITING];
} edgekws_stream;

uint32_t edgekws_stream_bytes(void)
{
    return (uint32_t)sizeof(edgekws_stream);
}

void edgekws_stream_reset(void *stream)
{
    edgekws_stream *all = stream;
    edgekws_reset(&all->spotter);
    edgekws_frontend_reset(&all->frontend);
    edgekws_detector_reset(&all->detector);
}

uint32_t edgekws_stream_push(void *stream, const int16_t *samples, uint32_t count, int32_t *results)
{
    return edgekws_stream_push_at(stream, samples, count, tuned, results);
}

uint32_t edgekws_stream_push_at(void *stream, const int16_t *samples, uint32_t count, const uint16_t *threshold,
                                int32_t *results)
{
    edgekws_stream *all = stream;
    uint32_t found = 0;
    uint16_t at[EDGEKWS_CLASSES], release[EDGEKWS_CLASSES];
    for (int c = 0; c < EDGEKWS_CLASSES; c++) {
        at[c] = tuned[c] < NEVER && threshold[c] < NEVER ? threshold[c] : NEVER;
        release[c] = at[c] == tuned[c] ? tuned_release[c] : edgekws_detector_release(at[c]);
    }
    if (count > EDGEKWS_STREAM_BLOCK) count = EDGEKWS_STREAM_BLOCK;
    const size_t ready = edgekws_frontend_push(&all->frontend, samples, count, all->ready);
    for (size_t i = 0; i < ready;) {
        i += edgekws_push(&all->spotter, all->ready + i, ready - i);
        if (!edgekws_ready(&all->spotter)) continue;
        const int8_t *scores = edgekws_scores(&all->spotter);
        int32_t *next = results + found++ * EDGEKWS_STREAM_RESULT;
        *next++ = edgekws_detector_push_at(&all->detector, scores, at, release);
        for (int c = 0; c < EDGEKWS_CLASSES; c++) *next++ = scores[c];
        for (int c = 0; c < EDGEKWS_CLASSES; c++) *next++ = all->detector.sums[c];
    }
    return found;
}

uint16_t edgekws_stream_threshold(int which)
{
    return tuned[which];
}

int edgekws_stream_selftest(void *stream, void (*say)(const char *check, const char *where, bool passed))
{
    edgekws_stream *all = stream;
    const int failures = edgekws_selftest(&all->spotter, say);
    edgekws_stream_reset(stream);
    return failures;
}
