/* For programs on a PC that load the engine as a library: many samples in one call. Not part of a device's sources. */
#include "edgekws.h"

size_t edgekws_host_size(void);
void edgekws_host_reset(edgekws_state *spotter);
size_t edgekws_host_hear(edgekws_state *spotter, const int16_t *samples, size_t count, int8_t *scores);

size_t edgekws_host_size(void)
{
    return sizeof(edgekws_state);
}

/* edgekws_reset has another name for the linker in every engine. */
void edgekws_host_reset(edgekws_state *spotter)
{
    edgekws_reset(spotter);
}

/* Pushes all samples; writes EDGEKWS_CLASSES scores for each result that they complete, and returns how many results. */
size_t edgekws_host_hear(edgekws_state *spotter, const int16_t *samples, size_t count, int8_t *scores)
{
    size_t results = 0;
    for (size_t i = 0; i < count;) {
        i += edgekws_push(spotter, samples + i, count - i);
        if (!edgekws_ready(spotter)) continue;
        for (size_t c = 0; c < EDGEKWS_CLASSES; c++) scores[results * EDGEKWS_CLASSES + c] = edgekws_scores(spotter)[c];
        results++;
    }
    return results;
}
