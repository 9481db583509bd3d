/* Sliding windows: a new result every EDGEKWS_HOP samples. Each equals to the bit the result of its window computed alone,
 * but only the new samples and a few frames at the window's edges are computed.
 *
 * The stages run depth first as in edgekws_window.c, but endlessly, as if there were one endless window: this is the
 * *trunk*. The hop is a multiple of all its strides and pools, so windows begin on the same phase of every map (a map is
 * the output of one stage and the input of the next). A window can use a frame of the trunk, unless through the
 * convolutions its own frame depends on the padding before or after the window:
 *
 *     one window of a map:    L L t t t t t t t t t t t t R       L, R: its left and right edge, computed for it alone
 *     the next one:                   L L t t t t t t t t t t t t R              t: the trunk, computed once for all
 *
 * Left edges are computed just before the trunk passes them, from the padding, the left edge of the map before, and
 * frames that the trunk still has in its buffer. They are kept until the next stage has used them. Right edges are
 * computed in the same way at the window's end, stage by stage. `first` and `last` of edgekws_maps say where the trunk's
 * frames begin and end.
 *
 * The trunk ends where a window has so few frames that none is between the edges, at the latest before the dense layer.
 * The frames of a whole window are kept in the map after it, and the following layers are computed for each window.
 */
#include "edgekws_scheduler.h"

#include <string.h>

static uint32_t frames_passed(const edgekws_stage *stage, uint32_t outputs)
{
    return outputs * stage->pool * stage->stride;
}

/* How many frames the trunk needs to compute so many outputs. */
static uint32_t frames_needed(const edgekws_stage *stage, uint32_t outputs)
{
    const uint32_t passed = frames_passed(stage, outputs);
    return stage->taps > stage->stride ? passed - stage->stride + stage->taps : passed;
}

/* How many frames before a window its first output would see if it were not clipped. */
static uint32_t frames_before(const edgekws_stage *stage)
{
    return (uint32_t)(stage->pool - stage->first_pool) * stage->stride + stage->pad_before;
}

static edgekws_value *buffer_end(edgekws_state *spotter, uint32_t m)
{
    return spotter->buffers.values + edgekws_maps[m].buffer + spotter->stages[m].frames * edgekws_maps[m].channels;
}

/* Drops the oldest frames of the trunk in map `m`. */
static void drop(edgekws_state *spotter, uint32_t m, uint32_t frames)
{
    spotter->stages[m].frames -= frames;
    edgekws_keep(spotter->buffers.values + edgekws_maps[m].buffer, (size_t)frames * edgekws_maps[m].channels,
                 (size_t)spotter->stages[m].frames * edgekws_maps[m].channels);
}

/* Frame `f` of a window in map `m`. The window's left edge is the oldest one kept, its right edge the last one computed.
 * `origin` is the place of the window's frame 0 in the trunk's buffer, modulo 2^32: it may be gone already. */
static const edgekws_value *frame(const edgekws_state *spotter, uint32_t m, uint32_t f, uint32_t origin)
{
    const edgekws_map *map = &edgekws_maps[m];
    uint32_t at;
    if (f < map->first)
        at = map->left + (spotter->stages[m].read * map->first + f) * map->channels;
    else if (f < map->last)
        at = map->buffer + (origin + f) * map->channels;
    else
        at = map->right + (f - map->last) * map->channels;
    return spotter->buffers.values + at;
}

static void pad(edgekws_value *to, uint32_t i, uint32_t frames)
{
    for (uint32_t n = frames * edgekws_stages[i].in_channels; n; n--) *to++ = (edgekws_value)edgekws_stages[i].padding;
}

/* One call of the kernel for the outputs from `first` up to `end` of one window in stage `i`, from frames as above: for
 * those that follow the first spotter->edged ones, which are done. The last call sets that to 0. Returns the work. */
static uint32_t edge(edgekws_state *spotter, uint32_t i, uint32_t first, uint32_t end, uint32_t origin, edgekws_value *out)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    const uint32_t channels = stage->in_channels, done = first + spotter->edged;
    const edgekws_call next = edgekws_next_call(stage, done);
    const uint32_t outputs = next.outputs < end - done ? next.outputs : end - done;
    const uint32_t position = done ? stage->first_pool + (done - 1) * stage->pool : 0;
    const uint32_t frames = (outputs * next.pool - 1) * stage->stride + stage->taps;
    edgekws_value *const in = spotter->buffers.values + EDGEKWS_EDGE_BUFFER, *to = in;
    uint32_t f = position * stage->stride - stage->pad_before; /* before the window this wraps, beyond its frames */
    for (uint32_t n = frames; n; n--, f++, to += channels) {
        if (f < edgekws_maps[i].frames)
            memcpy(to, frame(spotter, i, f, origin), channels * sizeof *to);
        else
            pad(to, i, 1);
    }
    out += spotter->edged * stage->out_channels;
    stage->kernel(stage, in, out, outputs, next.pool, &spotter->scratch);
#ifdef EDGEKWS_TRACE
    edgekws_trace(i, out, outputs * stage->out_channels);
#endif
    spotter->edged = done + outputs < end ? spotter->edged + outputs : 0;
    return stage->work;
}

static void next_slot(uint16_t *slot, uint32_t m)
{
    if (++*slot == edgekws_maps[m].slots) *slot = 0;
}

/* One call for a left edge in the map behind stage `i`: the next one that the trunk passes. Until the last call nothing
 * else of this stage, or of those before it, is computed. Returns the work. */
static uint32_t left_edge(edgekws_state *spotter, uint32_t i)
{
    const edgekws_map *map = &edgekws_maps[i + 1];
    /* The buffer begins with the frames of the next output; `due` outputs later comes the edge's last one. */
    const uint32_t first_output = spotter->stages[i].due - (map->first - 1);
    const uint32_t origin = frames_passed(&edgekws_stages[i], first_output) + frames_before(&edgekws_stages[i]);
    const uint32_t slot = spotter->stages[i + 1].written;
    const uint32_t work = edge(spotter, i, 0, map->first, origin,
                               spotter->buffers.values + map->left + slot * map->first * map->channels);
    if (spotter->edged) return work;
    next_slot(&spotter->stages[i].read, i);
    next_slot(&spotter->stages[i + 1].written, i + 1);
    spotter->stages[i].due += map->hop;
    return work;
}

/* If there are frames for a whole group of outputs of stage `i` of the trunk (when flushing, for one): one call for the left
 * edge that these outputs pass, or else for the outputs. Returns the work. */
static uint32_t run(edgekws_state *spotter, uint32_t i, bool flush)
{
    const edgekws_stage *stage = &edgekws_stages[i];
    uint32_t outputs = stage->group;
    while (spotter->stages[i].frames < frames_needed(stage, outputs))
        if (!flush || !--outputs) return 0;
    if (edgekws_maps[i + 1].first) {
        if (spotter->stages[i].due < outputs) return left_edge(spotter, i);
        spotter->stages[i].due -= outputs;
    }
    edgekws_value *out = buffer_end(spotter, i + 1);
    stage->kernel(stage, spotter->buffers.values + edgekws_maps[i].buffer, out, outputs, stage->pool,
                  &spotter->scratch);
#ifdef EDGEKWS_TRACE
    edgekws_trace(i, out, outputs * stage->out_channels);
#endif
    spotter->stages[i + 1].frames += outputs;
    drop(spotter, i, frames_passed(stage, outputs));
    spotter->deepest = i + 1 < EDGEKWS_TRUNK ? i + 1 : i;
    return stage->work;
}

void edgekws_begin(edgekws_state *spotter)
{
    memset(spotter->stages, 0, sizeof spotter->stages);
    spotter->edges = spotter->edged = spotter->deepest = 0;
    for (uint32_t i = 0; i < EDGEKWS_TRUNK; i++) {
        /* No window uses the trunk's output for these frames: the first window has a left edge like all others. */
        const uint32_t frames = frames_before(&edgekws_stages[i]);
        pad(buffer_end(spotter, i), i, frames);
        spotter->stages[i].frames = frames;
        spotter->stages[i].due = edgekws_maps[i + 1].first - 1;
    }
}

uint32_t edgekws_missing(const edgekws_state *spotter)
{
    return frames_needed(&edgekws_stages[0], edgekws_stages[0].group) - spotter->stages[0].frames;
}

uint32_t edgekws_step(edgekws_state *spotter)
{
    for (;;) {
        const uint32_t work = run(spotter, spotter->deepest, false);
        if (work || spotter->deepest == 0) return work;
        spotter->deepest--;
    }
}

/* Lets the trunk compute all it can, from the first stage to the last; then come the right edges, stage by stage, then the
 * dense layers and the softmax. */
uint32_t edgekws_finish(edgekws_state *spotter)
{
    for (uint32_t i = 0; i < EDGEKWS_TRUNK; i++) {
        const uint32_t work = run(spotter, i, true);
        if (work) return work;
    }
    for (; spotter->edges < EDGEKWS_STAGES; spotter->edges++) {
        const uint32_t i = spotter->edges;
        const edgekws_stage *stage = &edgekws_stages[i];
        const edgekws_map *map = &edgekws_maps[i + 1];
        /* The trunk's buffer begins with the frames that the first output of the right edge sees. */
        const uint32_t origin = i < EDGEKWS_TRUNK ? frames_before(stage) - frames_passed(stage, map->last) : 0;
        if (map->last == map->frames) continue;
        const uint32_t work = edge(spotter, i, map->last, map->frames, origin, spotter->buffers.values + map->right);
        if (!spotter->edged) spotter->edges++;
        return work;
    }
    const edgekws_dense *dense = &edgekws_dense_layers[0];
    memset(spotter->sums, 0, sizeof spotter->sums);
    for (uint32_t f = 0; f < dense->frames; f++)
        dense->kernel(dense, (const int8_t *)dense->weights + f * dense->frame_bytes,
                      frame(spotter, EDGEKWS_STAGES, f, 0), dense->values, spotter->sums);
    edgekws_classify(spotter->sums, spotter->scratch.values, spotter->scores);

    next_slot(&spotter->stages[EDGEKWS_TRUNK].read, EDGEKWS_TRUNK);
    drop(spotter, EDGEKWS_TRUNK, edgekws_maps[EDGEKWS_TRUNK].hop);
    spotter->edges = 0;
    spotter->samples -= EDGEKWS_HOP;
    spotter->ready = 1;
    return EDGEKWS_DENSE_WORK;
}
