/* edgekws: a keyword spotter in a few kilobytes of RAM.
 *
 *     static edgekws_state spotter;                    // all the memory that it needs: EDGEKWS_STATE_BYTES
 *     edgekws_reset(&spotter);
 *     for (;;) {
 *         size_t n = microphone(buffer);               // int16, EDGEKWS_SAMPLE_RATE Hz, any number at a time
 *         n = edgekws_frontend_push(&frontend, buffer, n, heard);   // see edgekws_frontend.h
 *         for (size_t i = 0; i < n;) {
 *             i += edgekws_push(&spotter, heard + i, n - i);
 *             if (edgekws_ready(&spotter)) puts(edgekws_labels[edgekws_label(&spotter)]);
 *         }
 *     }
 *
 * Samples must first pass through edgekws_frontend.h: the model was trained on its output.
 *
 * The scores equal those of TensorFlow Lite Micro's reference arithmetic on the same window, to the bit. Nothing is allocated,
 * nothing is global: any number of spotters may run at once. edgekws_window.c explains how it works.
 *
 * A call uses only the state that it is given, some stack, and constants. So an interrupt or any thread may call it, if
 * nothing else uses the same spotter at that time. A push that ends a window or a group of outputs takes far longer than
 * others; edgekws_evenly.h spreads this work. `edgekws profile` and the bundle's manifest give the longest push with and
 * without it. So let an interrupt only store the samples, and push them from a loop.
 */
#ifndef EDGEKWS_H
#define EDGEKWS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if INT_MAX < 2147483647
#error "edgekws needs a processor of 32 bits: on this one its sums would be cut off"
#endif

#include "edgekws_model.h" /* generated: EDGEKWS_CLASSES, EDGEKWS_WINDOW, EDGEKWS_STATE_BYTES, ... */

/* A cast without a warning in both C and C++. */
#ifdef __cplusplus
#define EDGEKWS_CAST(type, value) (static_cast<type>(value))
#else
#define EDGEKWS_CAST(type, value) ((type)(value))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One value of an activation. It is always in the range of int8, but some kernels need it stored wider. */
#if EDGEKWS_VALUE_BITS == 16
typedef int16_t edgekws_value;
#else
typedef int8_t edgekws_value;
#endif

typedef union {
    int32_t words[EDGEKWS_SCRATCH_WORDS];
    int16_t halves[EDGEKWS_SCRATCH_WORDS * 2];
    int8_t bytes[EDGEKWS_SCRATCH_WORDS * 4];
    edgekws_value values[EDGEKWS_SCRATCH_WORDS * 32 / EDGEKWS_VALUE_BITS];
} edgekws_scratch;

/* The state of one spotter. Its fields are the engine's own. */
typedef struct {
    uint32_t samples; /* of the present window so far */
    uint32_t ready;
    uint32_t deepest; /* stage that may have frames enough: no deeper one has */
#if EDGEKWS_SLIDING
    uint32_t edges; /* right edges computed at the end of the window */
    uint32_t edged; /* outputs computed of the edge that is begun */
    struct {
        uint32_t frames; /* waiting in the stage's buffer */
        uint32_t due;    /* outputs until one is the last of the next left edge */
        uint16_t written, read; /* slots of the next and of the oldest left edge of the stage's input */
    } stages[EDGEKWS_STAGES + 1]; /* the last entry: frames for the first dense layer */
#else
    struct {
        uint32_t frames;  /* waiting in the stage's buffer */
        uint32_t outputs; /* frames that the stage has computed in this window */
    } stages[EDGEKWS_STAGES];
#endif
    int32_t sums[EDGEKWS_SUMS]; /* of the present dense layer */
    int8_t scores[(EDGEKWS_CLASSES + 3) / 4 * 4];
    edgekws_scratch scratch; /* of the present kernel */
    union {
        int32_t alignment;
        edgekws_value values[EDGEKWS_BUFFER_VALUES];
    } buffers; /* the last frames of every stage's input */
} edgekws_state;

/* Starts over: the next sample is the first of a window. */
void edgekws_reset(edgekws_state *spotter);

/* Takes samples up to the end of the window and returns how many it took. Push the rest after reading the scores.
 * The next window begins EDGEKWS_HOP samples after the one before: at its end in window mode, where the hop is
 * EDGEKWS_WINDOW; earlier in sliding mode. */
size_t edgekws_push(edgekws_state *spotter, const int16_t *samples, size_t count);

/* For a caller that spreads the work over time: edgekws_push is edgekws_take, then edgekws_work until it returns 0, and so
 * on until samples or window end. edgekws_evenly.h does it at an even pace.
 *
 * edgekws_take keeps the samples that the first layer still lacks and computes nothing; it returns how many it took, 0 when
 * there is work to do first. edgekws_work does one piece of work, at most a few outputs of a layer, and returns how much
 * that was, in units of about equal time; 0 when there is nothing to do before more samples come. The pieces are the
 * same, in the same order, whenever they are done, and so are the scores. */
size_t edgekws_take(edgekws_state *spotter, const int16_t *samples, size_t count);
uint32_t edgekws_work(edgekws_state *spotter);

/* Whether the last push, or piece of work, completed a window. */
bool edgekws_ready(const edgekws_state *spotter);

/* EDGEKWS_CLASSES scores of the last complete window: value / 256 + 0.5 is the probability of the word. */
const int8_t *edgekws_scores(const edgekws_state *spotter);

/* The index of the highest score (the first of equals) into edgekws_labels. */
int edgekws_label(const edgekws_state *spotter);

extern const char *const edgekws_labels[EDGEKWS_CLASSES];

#ifdef __cplusplus
}
#endif

#endif
