/* For programs on a PC that load the engine as a library: many samples in one call. Not part of a device's sources. */
#include "edgekws_frontend.h"

typedef struct {
    edgekws_state spotter;
    edgekws_frontend frontend;
} edgekws_host;

size_t edgekws_host_size(void);
void edgekws_host_reset(edgekws_host *host);
size_t edgekws_host_hear(edgekws_host *host, const int16_t *samples, size_t count, int8_t *scores);

size_t edgekws_host_size(void)
{
    return sizeof(edgekws_host);
}

void edgekws_host_reset(edgekws_host *host)
{
    edgekws_reset(&host->spotter);
    edgekws_frontend_reset(&host->frontend);
}

/* Takes all samples. Writes EDGEKWS_CLASSES scores for each result that they complete, and returns how many results. */
size_t edgekws_host_hear(edgekws_host *host, const int16_t *samples, size_t count, int8_t *scores)
{
    enum { PIECE = 4096 };
    int16_t ready[PIECE + EDGEKWS_FRONTEND_WAITING];
    size_t results = 0;
    for (size_t taken = 0; taken < count; taken += PIECE) {
        const size_t piece = count - taken < PIECE ? count - taken : PIECE;
        const size_t written = edgekws_frontend_push(&host->frontend, samples + taken, piece, ready);
        for (size_t i = 0; i < written;) {
            i += edgekws_push(&host->spotter, ready + i, written - i);
            if (!edgekws_ready(&host->spotter)) continue;
            for (size_t c = 0; c < EDGEKWS_CLASSES; c++)
                scores[results * EDGEKWS_CLASSES + c] = edgekws_scores(&host->spotter)[c];
            results++;
        }
    }
    return results;
}
