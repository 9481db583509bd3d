/* Depth-first convolution: a whole network in the memory of its last few frames.
 *
 * Layer after layer, a network needs the whole of the largest activations at once: a megabyte for one second of audio.
 * But everything here is one-dimensional in time. A convolution of K taps needs only the last K frames of its input, a
 * pool only the positions of its own group. So the samples run *through* the network instead: as soon as a stage (a
 * convolution and the max pool after it) has enough frames for its next group of outputs, it computes them, hands them
 * to the next stage, and forgets the frames that no later output sees. Nothing is computed twice, and since every sum
 * has the same terms, the result is the same to the bit.
 *
 *     samples → [buffer 0] stage 0 → [buffer 1] stage 1 → ... → [buffer n] → dense sums, frame by frame → scores
 *
 * Each buffer is plain memory: new frames are appended at its end, and after a call the few frames that stay are moved to
 * its start, so that kernels always find their frames side by side. The generator counts the same steps to find the
 * sizes (edgekws_model.h).
 */
#include "edgekws_scheduler.h"

#include <string.h>

static edgekws_value *buffer_end(edgekws_state *spotter, uint32_t i)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    return spotter->buffers.values + stage->buffer + spotter->stages[i].frames * stage->in_channels;
}

static void append_padding(edgekws_state *spotter, uint32_t i, uint32_t frames)
{
    edgekws_value *end = buffer_end(spotter, i);
    for (uint32_t n = frames * edgekws_stages[i].in_channels; n; n--) *end++ = (edgekws_value)edgekws_stages[i].padding;
    spotter->stages[i].frames += frames;
}

/* Adds frames of the last stage to the sums of the first dense layer; they are never stored. */
static void append_to_dense(edgekws_state *spotter, const edgekws_value *in, uint32_t first, uint32_t frames)
{
    const edgekws_dense *dense = &edgekws_dense_layers[0];
    const int8_t *weights = (const int8_t *)dense->weights + first * dense->frame_bytes;
    for (; frames; frames--, in += dense->values, weights += dense->frame_bytes)
        dense->kernel(dense, weights, in, dense->values, spotter->sums);
}

/* Makes the next call of stage `i` if its frames are there; returns its work. */
static uint32_t run(edgekws_state *spotter, uint32_t i)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    const uint32_t done = spotter->stages[i].outputs;
    const edgekws_call next = edgekws_next_call(stage, done);
    if (!next.outputs || spotter->stages[i].frames < next.frames) return 0;

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
    edgekws_keep(in, (size_t)passed * stage->in_channels, (size_t)spotter->stages[i].frames * stage->in_channels);
    spotter->deepest = last ? i : i + 1;
    return stage->work;
}

void edgekws_begin(edgekws_state *spotter)
{
    for (uint32_t i = 0; i < EDGEKWS_STAGES; i++) {
        spotter->stages[i].frames = spotter->stages[i].outputs = 0;
        append_padding(spotter, i, edgekws_stages[i].pad_before);
    }
    spotter->deepest = 0;
    memset(spotter->sums, 0, sizeof spotter->sums);
}

uint32_t edgekws_missing(const edgekws_state *spotter)
{
    const edgekws_call next = edgekws_next_call(&edgekws_stages[0], spotter->stages[0].outputs);
    return next.outputs ? next.frames - spotter->stages[0].frames : EDGEKWS_UNSEEN;
}

uint32_t edgekws_step(edgekws_state *spotter)
{
    for (;;) {
        const uint32_t work = run(spotter, spotter->deepest);
        if (work || spotter->deepest == 0) return work;
        spotter->deepest--;
    }
}

/* Pads what the stages still lack, from the first to the last; then come the dense layers and the softmax. */
uint32_t edgekws_finish(edgekws_state *spotter)
{
    for (uint32_t i = 0; i < EDGEKWS_STAGES; i++) {
        const edgekws_call next = edgekws_next_call(&edgekws_stages[i], spotter->stages[i].outputs);
        if (!next.outputs) continue;
        append_padding(spotter, i, next.frames - spotter->stages[i].frames);
        return run(spotter, i);
    }
    edgekws_classify(spotter->sums, spotter->scratch.values, spotter->scores);
    spotter->samples = 0;
    spotter->ready = 1;
    return EDGEKWS_DENSE_WORK;
}
