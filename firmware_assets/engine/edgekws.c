/* Depth-first convolution: a whole network in the memory of its last few frames.
 *
 * Layer after layer, a network needs the whole of the largest activations at once: a megabyte for one second of audio.
 * But everything here is one-dimensional in time. A convolution of K taps needs only the last K frames of its input, a
 * pool only the positions of its own group. So the samples run *through* the network instead: as soon as a stage (a
 * convolution and the max pool behind it) has enough frames for its next group of outputs, it computes them, hands them
 * to the stage behind, and forgets the frames that no later output sees. Nothing is computed twice, and since every sum
 * has the same terms, the result is the same to the bit.
 *
 *     samples → [buffer 0] stage 0 → [buffer 1] stage 1 → ... → [buffer n] → dense sums, frame by frame → scores
 *
 * Each buffer is plain memory: new frames are appended at its end, and after a call the few that stay are moved to its
 * start, so that kernels always see their frames side by side. The sizes, from the same counting, come from the
 * generator (edgekws_model.h).
 */
#include "edgekws_kernels.h"

#include <string.h>

/* An int16 sample as the int8 input that the model was trained on. */
#if EDGEKWS_CODING_MU_LAW
/* G.711-like: sign, three bits of octave, four bits of mantissa. */
static edgekws_value code(int16_t sample)
{
    int32_t magnitude = sample < 0 ? -(int32_t)sample : sample;
    int octave = 0;
    magnitude = (magnitude < 32635 ? magnitude : 32635) + 132;
    while (magnitude >> (octave + 8)) octave++;
    magnitude = octave * 16 + ((magnitude >> (octave + 3)) & 15);
    return (edgekws_value)(sample < 0 ? -magnitude : magnitude);
}
#else
/* The upper eight bits, rounded. */
static edgekws_value code(int16_t sample)
{
    const int32_t rounded = (sample + 128) >> 8;
    return (edgekws_value)(rounded < 127 ? rounded : 127);
}
#endif

/* One call of a stage's kernel: how many outputs of how many positions, from how many frames. */
typedef struct {
    uint32_t outputs, pool, frames;
} call;

/* The next call of a stage that has put out `done` frames; no outputs when it has done all. It depends on nothing else,
 * so the same calls are made however the samples arrive. */
static call next_call(const edgekws_stage *stage, uint32_t done)
{
    call next = {0, stage->pool, 0};
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
    const uint32_t passed = positions * stage->stride; /* more than seen where the stride leaves gaps */
    next.frames = seen > passed ? seen : passed;
    return next;
}

static edgekws_value *buffer_end(edgekws *spotter, uint32_t i)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    return spotter->buffers.values + stage->buffer + spotter->stages[i].frames * stage->in_channels;
}

static void append_padding(edgekws *spotter, uint32_t i, uint32_t frames)
{
    edgekws_value *end = buffer_end(spotter, i);
    for (uint32_t n = frames * edgekws_stages[i].in_channels; n; n--) *end++ = (edgekws_value)edgekws_stages[i].padding;
    spotter->stages[i].frames += frames;
}

/* Adds frames of the last stage to the sums of the first dense layer; they are never stored. */
static void append_to_dense(edgekws *spotter, const edgekws_value *in, uint32_t first, uint32_t frames)
{
    const edgekws_dense *dense = &edgekws_dense_layers[0];
    const int8_t *weights = (const int8_t *)dense->weights + first * dense->frame_bytes;
    for (; frames; frames--, in += dense->values, weights += dense->frame_bytes)
        dense->kernel(dense, weights, in, dense->values, spotter->sums);
}

/* Makes the next call of stage `i` if its frames are there. */
static bool run(edgekws *spotter, uint32_t i)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    const uint32_t done = spotter->stages[i].outputs;
    const call next = next_call(stage, done);
    if (!next.outputs || spotter->stages[i].frames < next.frames) return false;

    edgekws_value *in = spotter->buffers.values + stage->buffer;
    const bool last = i + 1 == EDGEKWS_STAGES;
    edgekws_value *out = last ? spotter->buffers.values + EDGEKWS_LAST_BUFFER : buffer_end(spotter, i + 1);
    stage->kernel(stage, in, out, next.outputs, next.pool, &spotter->scratch);
#ifdef EDGEKWS_TRACE
    edgekws_trace(i, out, next.outputs * stage->out_channels);
#endif
    if (last)
        append_to_dense(spotter, out, done, next.outputs);
    else
        spotter->stages[i + 1].frames += next.outputs;
    spotter->stages[i].outputs += next.outputs;

    const uint32_t passed = next.outputs * next.pool * stage->stride;
    spotter->stages[i].frames -= passed;
    memmove(in, in + passed * stage->in_channels,
            (size_t)spotter->stages[i].frames * stage->in_channels * sizeof *in);
    return true;
}

/* Runs every stage from `first` on as far as its frames go, the deepest that can run first. */
static void run_all(edgekws *spotter, uint32_t first)
{
    uint32_t i = first;
    for (;;) {
        if (run(spotter, i)) {
            if (i + 1 < EDGEKWS_STAGES) i++;
        } else if (i == first) {
            return;
        } else {
            i--;
        }
    }
}

static void begin_window(edgekws *spotter)
{
    for (uint32_t i = 0; i < EDGEKWS_STAGES; i++) {
        spotter->stages[i].frames = spotter->stages[i].outputs = 0;
        append_padding(spotter, i, edgekws_stages[i].pad_before);
    }
    memset(spotter->sums, 0, sizeof spotter->sums);
}

/* Pads what the stages still lack, from the first to the last, then the dense layers and the softmax. */
static void end_window(edgekws *spotter)
{
    for (uint32_t i = 0; i < EDGEKWS_STAGES; i++) {
        while (spotter->stages[i].outputs < edgekws_stages[i].outputs) {
            const call next = next_call(&edgekws_stages[i], spotter->stages[i].outputs);
            append_padding(spotter, i, next.frames - spotter->stages[i].frames);
            run_all(spotter, i);
        }
    }
    edgekws_classify(spotter->sums, spotter->scratch.values, spotter->scores);
}

void edgekws_reset(edgekws *spotter)
{
    spotter->samples = 0;
    spotter->ready = 0;
    memset(spotter->scores, 0, sizeof spotter->scores);
}

size_t edgekws_push(edgekws *spotter, const int16_t *samples, size_t count)
{
    size_t taken = 0;
    if (!count) return 0;
    spotter->ready = 0;
    if (spotter->samples == 0) begin_window(spotter);
    while (taken < count && spotter->samples < EDGEKWS_WINDOW) {
        const call next = next_call(&edgekws_stages[0], spotter->stages[0].outputs);
        uint32_t wanted = EDGEKWS_WINDOW - spotter->samples;
        if (wanted > count - taken) wanted = (uint32_t)(count - taken);
        if (next.outputs) { /* else the rest of the window is not looked at */
            const uint32_t missing = next.frames - spotter->stages[0].frames;
            if (wanted > missing) wanted = missing;
            edgekws_value *end = buffer_end(spotter, 0);
            for (uint32_t n = 0; n < wanted; n++) end[n] = code(samples[taken + n]);
            spotter->stages[0].frames += wanted;
        }
        taken += wanted;
        spotter->samples += wanted;
        run_all(spotter, 0);
    }
    if (spotter->samples == EDGEKWS_WINDOW) {
        end_window(spotter);
        spotter->samples = 0;
        spotter->ready = 1;
    }
    return taken;
}

bool edgekws_ready(const edgekws *spotter)
{
    return spotter->ready != 0;
}

const int8_t *edgekws_scores(const edgekws *spotter)
{
    return spotter->scores;
}

int edgekws_label(const edgekws *spotter)
{
    int best = 0;
    for (int i = 1; i < EDGEKWS_CLASSES; i++)
        if (spotter->scores[i] > spotter->scores[best]) best = i;
    return best;
}
