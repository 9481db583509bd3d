/* Turns scores into detections, in integers. edgekws/listen/detector.py does the same on the PC, event for event.
 *
 *     static edgekws_detector detector;
 *     edgekws_detector_reset(&detector);
 *     ... after every result: int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
 *     if (word >= 0) puts(edgekws_labels[word]);
 *
 * The scores of the last EDGEKWS_DETECTOR_RESULTS results are averaged. A word is detected if its average is the highest,
 * and at least its threshold, in EDGEKWS_DETECTOR_MINIMUM results in a row. After that, nothing is detected for
 * EDGEKWS_DETECTOR_REFRACTORY results, and this word only after its average fell below its release (hysteresis).
 * The settings are for a result every EDGEKWS_DETECTOR_HOP samples. The middle of a detected word is
 * EDGEKWS_DETECTOR_DELAY samples before the last sample of the window.
 * Scores go from 0 to 255, in units of 1/256. A class that must never be detected has a threshold of 256.
 * edgekws_detector_push_at takes other thresholds, such as a user's, and their releases.
 * Thresholds rise where somebody talked just before the word: with the mean of EDGEKWS_DETECTOR_UNKNOWN in the last
 * EDGEKWS_DETECTOR_BEFORE results before those averaged, from EDGEKWS_DETECTOR_TALK on, to EDGEKWS_DETECTOR_ALONE at 256.
 * If EDGEKWS_DETECTOR_OPEN is not 0, words count only for so many results after one of EDGEKWS_DETECTOR_OPENERS was
 * detected, or after edgekws_detector_open, with which a program opens one model after another heard a phrase. Talk before
 * them is then no hindrance. */
#ifndef EDGEKWS_DETECTOR_H
#define EDGEKWS_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "edgekws.h"
#include "edgekws_detector_settings.h" /* generated */

typedef struct {
    uint8_t recent[EDGEKWS_DETECTOR_RESULTS][EDGEKWS_CLASSES];
    uint16_t sums[EDGEKWS_CLASSES]; /* over `recent` */
    uint16_t next;                  /* the row of `recent` to overwrite next */
    uint16_t quiet;                 /* results until a word may be detected again */
    uint16_t run;                   /* results in a row in which `candidate` reached its threshold */
    uint16_t open;                  /* results in which words that open nothing count */
    int16_t candidate, held;        /* the word of `run`; the word that must fall below its release first, or -1 */
#if EDGEKWS_DETECTOR_ALONE
    uint8_t before[EDGEKWS_DETECTOR_BEFORE];
    uint16_t talk, oldest; /* the sum over `before`; its place to overwrite next */
#endif
} edgekws_detector;

static inline void edgekws_detector_reset(edgekws_detector *detector)
{
    memset(detector, 0, sizeof *detector);
    detector->held = -1;
}

/* Words count from the next result on, for EDGEKWS_DETECTOR_OPEN results. */
static inline void edgekws_detector_open(edgekws_detector *detector)
{
    detector->open = EDGEKWS_DETECTOR_OPEN;
}

/* The release for a threshold: 0.2 below it, but not so low that no average could fall below it. */
static inline uint16_t edgekws_detector_release(uint16_t threshold)
{
    const int half = (threshold + 1) / 2;
    return EDGEKWS_CAST(uint16_t, threshold - 51 > half ? threshold - 51 : half);
}

/* Takes the scores of one result. Returns the class that it detects, or -1. `threshold` and `release` have one value for
 * each class, 0 to 256, and a release is at most its threshold. They may change from call to call. */
static inline int edgekws_detector_push_at(edgekws_detector *detector, const int8_t *scores, const uint16_t *threshold,
                                           const uint16_t *release)
{
    static const bool opens[EDGEKWS_CLASSES] = EDGEKWS_DETECTOR_OPENERS;
    uint8_t *row = detector->recent[detector->next];
    uint32_t needed = 0;
    int best = 0;
#if EDGEKWS_DETECTOR_ALONE
    uint8_t *oldest = &detector->before[detector->oldest];
    detector->talk = EDGEKWS_CAST(uint16_t, detector->talk + row[EDGEKWS_DETECTOR_UNKNOWN] - *oldest);
    *oldest = row[EDGEKWS_DETECTOR_UNKNOWN];
    detector->oldest = EDGEKWS_CAST(uint16_t, (detector->oldest + 1) % EDGEKWS_DETECTOR_BEFORE);
    const uint32_t talk = detector->open ? 0u : detector->talk, least = EDGEKWS_DETECTOR_TALK * EDGEKWS_DETECTOR_BEFORE;
    if (talk > least) needed = (talk - least) * EDGEKWS_DETECTOR_RISE / (256u * EDGEKWS_DETECTOR_BEFORE - least);
#endif
    for (int i = 0; i < EDGEKWS_CLASSES; i++) {
        const uint8_t score = EDGEKWS_CAST(uint8_t, scores[i] + 128);
        detector->sums[i] = EDGEKWS_CAST(uint16_t, detector->sums[i] + score - row[i]);
        row[i] = score;
        if (detector->sums[i] > detector->sums[best]) best = i;
    }
    detector->next = EDGEKWS_CAST(uint16_t, (detector->next + 1) % EDGEKWS_DETECTOR_RESULTS);
    if (detector->held >= 0 &&
        detector->sums[detector->held] < EDGEKWS_CAST(uint32_t, release[detector->held]) * EDGEKWS_DETECTOR_RESULTS)
        detector->held = -1;

    const bool counts = EDGEKWS_DETECTOR_OPEN == 0 || detector->open || opens[best];
    needed += EDGEKWS_CAST(uint32_t, threshold[best]) * EDGEKWS_DETECTOR_RESULTS;
    if (!counts || detector->sums[best] < needed || best == detector->held)
        detector->run = 0;
    else if (detector->run == 0 || best != detector->candidate)
        detector->run = 1;
    else if (detector->run < EDGEKWS_DETECTOR_MINIMUM)
        detector->run++;
    detector->candidate = EDGEKWS_CAST(int16_t, best);
    if (detector->open) detector->open--;
    if (detector->quiet) {
        detector->quiet--;
        return -1;
    }
    if (detector->run < EDGEKWS_DETECTOR_MINIMUM) return -1;
    detector->held = EDGEKWS_CAST(int16_t, best);
    detector->quiet = EDGEKWS_DETECTOR_REFRACTORY;
    detector->run = 0;
    if (opens[best]) edgekws_detector_open(detector);
    return best;
}

/* The same with the thresholds that the model was tuned to. */
static inline int edgekws_detector_push(edgekws_detector *detector, const int8_t *scores)
{
    static const uint16_t threshold[] = EDGEKWS_DETECTOR_THRESHOLDS, release[] = EDGEKWS_DETECTOR_RELEASES;
    return edgekws_detector_push_at(detector, scores, threshold, release);
}

#endif
