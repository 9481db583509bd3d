/* Shared by the runners: reads samples, pushes them as a device would, and writes scores, with marks for the instruction
 * counter. The file that includes this defines the table `marks` of return instructions, MARK(i), which is number i of
 * them as a function, and the two functions declared here. */
#include "edgekws.h"

#ifndef RUNNER_CHUNK
#define RUNNER_CHUNK 250 /* samples a push */
#endif

static size_t read_samples(int16_t *samples, size_t count);
static void write_scores(const int8_t *scores, size_t count);

#ifdef RUNNER_EVENLY
size_t runner_push(edgekws_state *state, const int16_t *from, size_t count); /* runner_evenly.c: it counts as the engine */
#else
#define runner_push edgekws_push
#endif

static edgekws_state spotter;
static int16_t samples[RUNNER_CHUNK];
static int8_t found[(RUNNER_CHUNK / EDGEKWS_HOP + 2) * EDGEKWS_CLASSES];

/* The instruction counter notices when these run: the first for stage 0, and so on; 64 for a whole window; 65 for the
 * beginning and the end of a push. */
static void mark(uint32_t i)
{
    MARK(i)();
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

static void run_engine(void)
{
    size_t count, scores;
    for (size_t i = 0; i < sizeof spotter; i++) /* a state is usable whatever memory held before */
        ((volatile uint8_t *)&spotter)[i] = 0xA5;
    edgekws_reset(&spotter);
    while ((count = read_samples(samples, RUNNER_CHUNK)) > 0) {
        scores = 0;
        mark(65);
        for (size_t i = 0; i < count;) {
            i += runner_push(&spotter, samples + i, count - i);
            if (!edgekws_ready(&spotter)) continue;
            mark(64);
            for (int c = 0; c < EDGEKWS_CLASSES; c++) found[scores++] = edgekws_scores(&spotter)[c];
        }
        mark(65);
        write_scores(found, scores);
    }
}
