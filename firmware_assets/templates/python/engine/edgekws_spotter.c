/* For Python: samples in, detections out, through functions alone, so that a library of it has nothing to agree upon with
 * its caller but them. */
#include <string.h>

#include "edgekws_detector.h"
#include "edgekws_frontend.h"
#include "edgekws_selftest.h"

typedef struct {
    edgekws_state state;
    edgekws_frontend frontend;
    edgekws_detector detector;
    uint64_t results;
    uint16_t threshold[EDGEKWS_CLASSES], release[EDGEKWS_CLASSES];
} edgekws_spotter;

/* A detection: samples from the start of the stream to the end of its window, the class, and its averaged score, 0 to 1. */
typedef struct {
    uint64_t end;
    double score;
    int32_t word;
} edgekws_spotter_event;

size_t edgekws_spotter_size(void);
void edgekws_spotter_reset(edgekws_spotter *spotter);
size_t edgekws_spotter_push(edgekws_spotter *spotter, const int16_t *samples, size_t count, edgekws_spotter_event *out);
int edgekws_spotter_classes(void);
int edgekws_spotter_hop(void);
int edgekws_spotter_delay(void);
const char *edgekws_spotter_label(int word);
int edgekws_spotter_threshold(int word);
void edgekws_spotter_set_threshold(edgekws_spotter *spotter, int word, int threshold);
int edgekws_spotter_fits(void);
int edgekws_spotter_selftest(edgekws_spotter *spotter, edgekws_say *say);

static const uint16_t tuned[EDGEKWS_CLASSES] = EDGEKWS_DETECTOR_THRESHOLDS;

size_t edgekws_spotter_size(void)
{
    return sizeof(edgekws_spotter);
}

/* Begins a stream; thresholds stay. */
void edgekws_spotter_reset(edgekws_spotter *spotter)
{
    edgekws_reset(&spotter->state);
    edgekws_frontend_reset(&spotter->frontend);
    edgekws_detector_reset(&spotter->detector);
    spotter->results = 0;
}

/* Takes all samples. Writes the detections that they complete, at most one a result, and returns how many. */
size_t edgekws_spotter_push(edgekws_spotter *spotter, const int16_t *samples, size_t count, edgekws_spotter_event *out)
{
    enum { PIECE = 1600 };
    int16_t ready[PIECE + EDGEKWS_FRONTEND_WAITING];
    size_t found = 0;
    for (size_t taken = 0; taken < count; taken += PIECE) {
        const size_t piece = count - taken < PIECE ? count - taken : PIECE;
        const size_t written = edgekws_frontend_push(&spotter->frontend, samples + taken, piece, ready);
        for (size_t i = 0; i < written;) {
            i += edgekws_push(&spotter->state, ready + i, written - i);
            if (!edgekws_ready(&spotter->state)) continue;
            const int word = edgekws_detector_push_at(&spotter->detector, edgekws_scores(&spotter->state),
                                                      spotter->threshold, spotter->release);
            const uint64_t end = EDGEKWS_WINDOW + spotter->results++ * EDGEKWS_HOP;
            if (word < 0) continue;
            out[found].end = end;
            out[found].word = word;
            out[found++].score = spotter->detector.sums[word] / (256.0 * EDGEKWS_DETECTOR_RESULTS);
        }
    }
    return found;
}

int edgekws_spotter_classes(void)
{
    return EDGEKWS_CLASSES;
}

/* Samples from one result to the next. */
int edgekws_spotter_hop(void)
{
    return EDGEKWS_HOP;
}

/* Samples from the middle of a word to the end of the window in which it is detected. */
int edgekws_spotter_delay(void)
{
    return EDGEKWS_DETECTOR_DELAY;
}

/* UTF-8. */
const char *edgekws_spotter_label(int word)
{
    return edgekws_labels[word];
}

/* The threshold that the model was tuned to, in 1/256; 256 for a class that is never detected. */
int edgekws_spotter_threshold(int word)
{
    return tuned[word];
}

/* `threshold`: 0 to 256. A new spotter, of zeros, has none yet. */
void edgekws_spotter_set_threshold(edgekws_spotter *spotter, int word, int threshold)
{
    spotter->threshold[word] = (uint16_t)threshold;
    spotter->release[word] = edgekws_detector_release((uint16_t)threshold);
}

/* Whether this processor has the instructions that the compiler was allowed to use. */
int edgekws_spotter_fits(void)
{
    int fits = 1;
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
#ifdef __AVX2__
    fits = fits && __builtin_cpu_supports("avx2");
#endif
#ifdef __AVX512F__
    fits = fits && __builtin_cpu_supports("avx512f");
#endif
#ifdef __AVX512VNNI__
    fits = fits && __builtin_cpu_supports("avx512vnni");
#endif
#endif
    return fits;
}

/* How many checks of the self-test failed; the spotter is reset. */
int edgekws_spotter_selftest(edgekws_spotter *spotter, edgekws_say *say)
{
    const int failures = edgekws_selftest(&spotter->state, say);
    edgekws_spotter_reset(spotter);
    return failures;
}
