/* A stream from samples to words, as programs outside of C call it: plain functions on memory that the caller gives.
 *
 * A result is EDGEKWS_STREAM_RESULT numbers: the class that is detected or -1, the scores of all classes (int8), and the
 * sums that the detector averages. Result k is of the window that ends at sample EDGEKWS_WINDOW + k * EDGEKWS_HOP. */
#ifndef EDGEKWS_STREAM_H
#define EDGEKWS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "edgekws_model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EDGEKWS_STREAM_BLOCK = 1600, /* samples a call, at most */
    EDGEKWS_STREAM_RESULT = 1 + 2 * EDGEKWS_CLASSES,
    EDGEKWS_STREAM_RESULTS = (EDGEKWS_STREAM_BLOCK + 160) / EDGEKWS_HOP + 1 /* of a call, at most */
};

/* Bytes of a stream; it lies where a 64-bit number may. */
uint32_t edgekws_stream_bytes(void);

/* Starts a stream. */
void edgekws_stream_reset(void *stream);

/* Hears samples, EDGEKWS_STREAM_BLOCK at most, and writes a result for every hop that they complete; `results` holds
 * EDGEKWS_STREAM_RESULTS * EDGEKWS_STREAM_RESULT numbers. Returns how many results these are. */
uint32_t edgekws_stream_push(void *stream, const int16_t *samples, uint32_t count, int32_t *results);

/* The same at thresholds of the program's own, such as a user's: one for each class, in 1/256 of an average; from 256 on, and
 * where the model has none, the class is not detected. One that is as tuned keeps its release. */
uint32_t edgekws_stream_push_at(void *stream, const int16_t *samples, uint32_t count, const uint16_t *threshold,
                                int32_t *results);

/* The threshold that the model was tuned to, in 1/256; 256 for a class that is never detected. */
uint16_t edgekws_stream_threshold(int which);

/* The self-test in the memory of a stream, which starts anew: how many checks failed. `say`, which may be NULL, is told of each. */
int edgekws_stream_selftest(void *stream, void (*say)(const char *check, const char *where, bool passed));

#ifdef __cplusplus
}
#endif

#endif
