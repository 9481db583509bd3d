/* The interface: samples in, scores out. Read edgekws_window.c first: it says when each layer computes what. */
#include "edgekws_scheduler.h"

#include <string.h>
#if defined(__ARM_FEATURE_MVE) && EDGEKWS_VALUE_BITS == 8
#include <arm_mve.h>
#define EDGEKWS_CODES_IN_VECTORS 1
#endif
#ifdef __ARM_FEATURE_SAT
#include <arm_acle.h>
#endif

/* An int16 sample as the int8 input that the model was trained on. */
#if EDGEKWS_CODES_IN_VECTORS
static int16x8_t codes(int16x8_t x)
{
#if EDGEKWS_CODING_MU_LAW /* as below, of the absolute value, which saturates as well */
    const int16x8_t magnitude = vqaddq_n_s16(vqabsq_s16(x), 132), zeros = vclzq_s16(magnitude);
    const int16x8_t mantissa = vshlq_s16(magnitude, vsubq_n_s16(zeros, 11));
    const int16x8_t code = vsubq_s16(vaddq_n_s16(mantissa, 112), vshlq_n_s16(zeros, 4));
    return vnegq_m_s16(code, code, vcmpltq_n_s16(x, 0));
#else
    return vminq_s16(vrshrq_n_s16(x, 8), vdupq_n_s16(127));
#endif
}
#elif EDGEKWS_CODING_MU_LAW
/* G.711-like: sign, three bits of octave, four bits of mantissa. */
static edgekws_value code(int16_t sample)
{
    const int32_t sign = sample >> 15; /* 0 or -1; with -1, XOR and subtraction negate */
    int32_t magnitude = (sample ^ sign) - sign, octave = 0;
#ifdef __ARM_FEATURE_SAT
    magnitude = (int32_t)__usat(magnitude + 132, 15);
#else
    magnitude = magnitude < 32635 ? magnitude + 132 : 32767;
#endif
#ifdef __ARM_FEATURE_CLZ
    octave = 23 - __builtin_clz((unsigned)magnitude);
    magnitude = (magnitude >> (octave + 4)) + octave * 16;
#else
    if (magnitude >> 11) magnitude >>= 4, octave = 4;
    if (magnitude >> 9) magnitude >>= 2, octave += 2;
    if (magnitude >> 8) magnitude >>= 1, octave += 1;
    magnitude = (octave - 1) * 16 + (magnitude >> 3);
#endif
    return (edgekws_value)((magnitude ^ sign) - sign);
}
#else
/* The upper eight bits, rounded. */
static edgekws_value code(int16_t sample)
{
    const int32_t rounded = (sample + 128) >> 8;
    return (edgekws_value)(rounded < 127 ? rounded : 127);
}
#endif

static void code_all(const int16_t *samples, uint32_t count, edgekws_value *to)
{
#if EDGEKWS_CODES_IN_VECTORS
    for (; count; samples += 8, to += 8) {
        const mve_pred16_t there = vctp16q(count);
        vstrbq_p_s16(to, codes(vldrhq_z_s16(samples, there)), there);
        count -= count < 8 ? count : 8;
    }
#elif defined(__ARM_FEATURE_SAT) /* two a turn, where no compiler makes vectors of them */
    if (count % 2) *to++ = code(*samples++);
    for (const int16_t *last = samples + count / 2 * 2; samples != last;) {
        *to++ = code(*samples++);
        *to++ = code(*samples++);
    }
#else
    for (const int16_t *last = samples + count; samples != last; samples++) *to++ = code(*samples);
#endif
}

void edgekws_reset(edgekws_state *spotter)
{
    spotter->samples = 0;
    spotter->ready = 0;
    memset(spotter->scores, 0, sizeof spotter->scores);
    memset(&spotter->buffers, 0, sizeof spotter->buffers); /* kernels that look past their frames must find values there */
}

size_t edgekws_take(edgekws_state *spotter, const int16_t *samples, size_t count)
{
    uint32_t wanted = EDGEKWS_WINDOW - spotter->samples;
    if (wanted > count) wanted = (uint32_t)count;
    if (!wanted) return 0;
    if (spotter->samples == 0) edgekws_begin(spotter);
    const uint32_t missing = edgekws_missing(spotter);
    if (missing != EDGEKWS_UNSEEN) {
        if (wanted > missing) wanted = missing;
        /* The frames of the first stage are single samples, and its buffer is the first. */
        code_all(samples, wanted, spotter->buffers.values + spotter->stages[0].frames);
        spotter->stages[0].frames += wanted;
    }
    spotter->samples += wanted;
    spotter->ready = 0;
    return wanted;
}

uint32_t edgekws_work(edgekws_state *spotter)
{
    if (spotter->samples == 0) return 0;
    const uint32_t work = edgekws_step(spotter);
    return work || spotter->samples < EDGEKWS_WINDOW ? work : edgekws_finish(spotter);
}

size_t edgekws_push(edgekws_state *spotter, const int16_t *samples, size_t count)
{
    size_t taken = 0;
    while (taken < count) {
        taken += edgekws_take(spotter, samples + taken, count - taken);
        while (edgekws_work(spotter)) continue;
        if (spotter->ready) break;
    }
    return taken;
}

bool edgekws_ready(const edgekws_state *spotter)
{
    return spotter->ready != 0;
}

const int8_t *edgekws_scores(const edgekws_state *spotter)
{
    return spotter->scores;
}

int edgekws_label(const edgekws_state *spotter)
{
    int best = 0;
    for (int i = 1; i < EDGEKWS_CLASSES; i++)
        if (spotter->scores[i] > spotter->scores[best]) best = i;
    return best;
}

edgekws_call edgekws_next_call(const edgekws_stage *stage, uint32_t done)
{
    edgekws_call next = {0, stage->pool, 0};
    uint32_t left = stage->outputs - done;
    if (!left) return next;
    if (done == 0 && stage->first_pool != stage->pool) {
        next.pool = stage->first_pool;
        left = 1;
    } else if (stage->last_pool != stage->pool && --left == 0) {
        next.pool = stage->last_pool;
        left = 1;
    }
    next.outputs = left < stage->group ? left : stage->group;
    const uint32_t positions = next.outputs * next.pool;
    const uint32_t seen = (positions - 1) * stage->stride + stage->taps;
    const uint32_t passed = positions * stage->stride; /* more than seen if the stride leaves gaps */
    next.frames = seen > passed ? seen : passed;
    return next;
}
