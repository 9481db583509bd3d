/* The checks of edgekws_selftest.h. The expected values are in edgekws_selftest_model.c, which is generated. */
#include "edgekws_selftest.h"

#include <string.h>

#include "edgekws_frontend.h"
#include "edgekws_selftest_model.h"

/* CRC-32 as in zlib, continued from `crc`; bit by bit, as it runs only once. */
static uint32_t crc32(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *next = data;
    crc = ~crc;
    while (bytes--) {
        crc ^= *next++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return *state;
}

/* Writes a different number into every word of the state, then its complement. The state must begin at a word's address. */
static bool memory_holds(edgekws_state *spotter)
{
    uint8_t *bytes = (uint8_t *)spotter;
    if ((uintptr_t)bytes % sizeof(int32_t)) return false;
    for (int turn = 0; turn < 2; turn++) {
        const uint32_t flip = turn ? UINT32_MAX : 0;
        for (uint32_t i = 0; i + 4 <= sizeof *spotter; i += 4) {
            const uint32_t word = (i * UINT32_C(2654435761)) ^ flip;
            memcpy(bytes + i, &word, 4);
        }
        for (uint32_t i = 0; i + 4 <= sizeof *spotter; i += 4) {
            uint32_t word;
            memcpy(&word, bytes + i, 4);
            if (word != ((i * UINT32_C(2654435761)) ^ flip)) return false;
        }
    }
    return true;
}

static uint32_t scaling_crc(const edgekws_scaling *scaling, const edgekws_expected_layer *expected)
{
    uint32_t crc = crc32(0, scaling->bias, expected->biases * sizeof *scaling->bias);
    crc = crc32(crc, scaling->multiplier, expected->multipliers * sizeof *scaling->multiplier);
    return crc32(crc, scaling->shift, expected->multipliers * sizeof *scaling->shift);
}

/* CRC of a layer's description, 32 bits for each number. It says where the engine reads and writes. */
static uint32_t words_crc(uint32_t crc, const int32_t *words, uint32_t count)
{
    return crc32(crc, words, count * sizeof *words);
}

static uint32_t shape_crc(const edgekws_stage *stage, const edgekws_dense *dense, const edgekws_scaling *scaling)
{
    const int32_t last[] = {scaling->zero_point, scaling->minimum, scaling->per_channel};
    uint32_t crc;
    if (stage) {
        const int32_t words[] = {stage->in_channels, stage->out_channels, stage->taps, stage->stride,
                                 stage->pool, stage->first_pool, stage->last_pool, stage->group,
                                 stage->pad_before, stage->padding, (int32_t)stage->outputs, (int32_t)stage->buffer};
        crc = words_crc(0, words, sizeof words / sizeof *words);
    } else {
        const int32_t words[] = {(int32_t)dense->units, (int32_t)dense->frames, (int32_t)dense->values,
                                 (int32_t)dense->frame_bytes};
        crc = words_crc(0, words, sizeof words / sizeof *words);
    }
    return words_crc(crc, last, 3);
}

#if EDGEKWS_SLIDING
static uint32_t maps_crc(void)
{
    uint32_t crc = 0;
    for (const edgekws_map *map = edgekws_maps; map <= edgekws_maps + EDGEKWS_STAGES; map++) {
        const int32_t words[] = {(int32_t)map->frames, (int32_t)map->first, (int32_t)map->last,
                                 (int32_t)map->hop, map->channels, map->slots,
                                 (int32_t)map->buffer, (int32_t)map->left, (int32_t)map->right};
        crc = words_crc(crc, words, sizeof words / sizeof *words);
    }
    return crc;
}
#endif

/* Makes numbers from `lowest` on, `span` different ones: a range in which few of the layer's outputs saturate. */
static void make_frames(edgekws_value *frames, uint32_t count, const edgekws_expected_layer *expected, uint32_t *state)
{
    for (uint32_t i = 0; i < count; i++)
        frames[i] = (edgekws_value)(expected->lowest + (int)((next_random(state) >> 16) * expected->span >> 16));
}

/* Calls a stage's kernel with ever new numbers: its input is at the start of the buffers, its output right after it. */
static uint32_t stage_crc(edgekws_state *spotter, const edgekws_stage *stage, const edgekws_expected_layer *expected)
{
    edgekws_value *in = spotter->buffers.values, *out = in + expected->output_at;
    const uint32_t frames = (expected->outputs * stage->pool - 1) * stage->stride + stage->taps;
    uint32_t state = 1, crc = 0;
    memset(&spotter->buffers, 0, sizeof spotter->buffers);
    for (uint32_t call = 0; call < expected->calls; call++) {
        make_frames(in, frames * stage->in_channels, expected, &state);
        stage->kernel(stage, in, out, expected->outputs, stage->pool, &spotter->scratch);
        for (uint32_t i = 0; i < expected->outputs * stage->out_channels; i++) {
            const int8_t value = (int8_t)out[i];
            crc = crc32(crc, &value, 1);
        }
    }
    return crc;
}

/* The sums over all frames of a dense layer. */
static uint32_t dense_crc(edgekws_state *spotter, const edgekws_dense *dense, const edgekws_expected_layer *expected)
{
    const uint8_t *weights = dense->weights;
    uint32_t state = 1;
    memset(&spotter->buffers, 0, sizeof spotter->buffers);
    memset(spotter->sums, 0, sizeof spotter->sums);
    for (uint32_t frame = 0; frame < expected->outputs; frame++) {
        make_frames(spotter->buffers.values, dense->values, expected, &state);
        dense->kernel(dense, weights + frame * dense->frame_bytes, spotter->buffers.values, dense->values,
                      spotter->sums);
    }
    return crc32(0, spotter->sums, dense->units * sizeof *spotter->sums);
}

#if EDGEKWS_CODING_CRC
/* CRC of the codes of samples over the whole range, each as the first sample of a window. */
static uint32_t coding_crc(edgekws_state *spotter)
{
    uint32_t crc = 0;
    for (int32_t value = INT16_MIN; value <= INT16_MAX; value += 17) {
        const int16_t sample = (int16_t)value;
        edgekws_reset(spotter);
        edgekws_push(spotter, &sample, 1);
        const int8_t code = (int8_t)spotter->buffers.values[spotter->stages[0].frames - 1];
        crc = crc32(crc, &code, 1);
    }
    return crc;
}
#endif

/* CRC of samples as two bytes each, the lower byte first. */
static uint32_t samples_crc(uint32_t crc, const int16_t *samples, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        const uint8_t bytes[2] = {(uint8_t)((uint16_t)samples[n] & 255), (uint8_t)((uint16_t)samples[n] >> 8)};
        crc = crc32(crc, bytes, 2);
    }
    return crc;
}

/* Sample i of a clip: silence, then pieces of noise and of a sawtooth, from faint to full scale. */
static int16_t clip_sample(uint32_t clip, uint32_t i, uint32_t *state)
{
    if (clip == 0) return 0;
    const int32_t noise = (int32_t)(next_random(state) >> 16) - 32768;
    const int32_t sawtooth = (int32_t)((i * 41 * clip) & 0xFFFF) - 32768;
    const int32_t loudest = (i * clip >> 11) & 1 ? noise : sawtooth;
    return (int16_t)(loudest >> (EDGEKWS_CLIPS - 1 - clip));
}

/* CRC of the front end's output for the beginnings of all clips in a row, most samples with an offset. */
static uint32_t frontend_crc(void)
{
    edgekws_frontend frontend;
    int16_t ready[EDGEKWS_FRONTEND_BLOCK];
    uint32_t state = 1, crc = 0;
    edgekws_frontend_reset(&frontend);
    for (uint32_t clip = 0; clip < EDGEKWS_CLIPS; clip++) {
        for (uint32_t i = 0; i < EDGEKWS_FRONTEND_SAMPLES; i++) {
            const int16_t plain = clip_sample(clip, i, &state), sample = i % 7 ? (int16_t)((plain >> 1) + 4096) : plain;
            const size_t count = edgekws_frontend_push(&frontend, &sample, 1, ready);
            crc = samples_crc(crc, ready, (uint32_t)count);
        }
    }
    return samples_crc(crc, ready, (uint32_t)edgekws_frontend_flush(&frontend, ready));
}

/* Pushes one clip of a window, in sliding mode of a window and a hop; the scores go into spotter->scores. Returns `crc`,
 * continued over its samples. */
static uint32_t hear(edgekws_state *spotter, uint32_t clip, uint32_t *state, uint32_t crc)
{
    int16_t piece[61];
    uint32_t filled = 0;
    edgekws_reset(spotter);
    for (uint32_t i = 0; i < EDGEKWS_CLIP_SAMPLES; i++) {
        piece[filled++] = clip_sample(clip, i, state);
        if (filled < 61 && i + 1 < EDGEKWS_CLIP_SAMPLES) continue;
        crc = samples_crc(crc, piece, filled);
        for (uint32_t n = 0; n < filled;) n += (uint32_t)edgekws_push(spotter, piece + n, filled - n);
        filled = 0;
    }
    return crc;
}

int edgekws_selftest(edgekws_state *spotter, edgekws_say *say)
{
    int failures = 0;
    uint32_t state = 1, samples = 0;
#define CHECK(check, where, condition)            \
    do {                                          \
        const bool passed = (condition);          \
        failures += !passed;                      \
        if (say) say((check), (where), passed);   \
    } while (0)

    CHECK("kernels", EDGEKWS_KERNELS, true); /* says which set was chosen */
    CHECK("memory", "", memory_holds(spotter));
    if (failures) return failures; /* without memory nothing can be computed */
    for (uint32_t i = 0; i < EDGEKWS_STAGES + EDGEKWS_DENSE_LAYERS; i++) {
        const edgekws_expected_layer *expected = &edgekws_expected_layers[i];
        const edgekws_stage *stage = i < EDGEKWS_STAGES ? &edgekws_stages[i] : NULL;
        const edgekws_dense *dense = stage ? NULL : &edgekws_dense_layers[i - EDGEKWS_STAGES];
        const void *weights = stage ? stage->weights : dense->weights;
        const edgekws_scaling *scaling = stage ? &stage->scaling : &dense->scaling;
        CHECK("weights", expected->name, crc32(0, weights, expected->weights_bytes) == expected->weights_crc);
        CHECK("scaling", expected->name, scaling_crc(scaling, expected) == expected->scaling_crc);
        CHECK("shape", expected->name, shape_crc(stage, dense, scaling) == expected->shape_crc);
        if (expected->outputs) {
            const uint32_t crc = stage ? stage_crc(spotter, stage, expected) : dense_crc(spotter, dense, expected);
            CHECK("kernel", expected->name, crc == expected->output_crc);
        }
    }
#if EDGEKWS_EXPONENTIALS
    CHECK("table", "softmax",
          crc32(0, edgekws_exponentials, EDGEKWS_EXPONENTIALS * sizeof(int32_t)) == EDGEKWS_EXPONENTIALS_CRC);
#endif
#if EDGEKWS_SLIDING
    CHECK("shape", "sliding windows", maps_crc() == EDGEKWS_MAPS_CRC);
#endif
    CHECK("front end", "", frontend_crc() == EDGEKWS_FRONTEND_CRC);
#if EDGEKWS_CODING_CRC
    CHECK("coding", "", coding_crc(spotter) == EDGEKWS_CODING_CRC);
#endif
    CHECK("expected", "scores", crc32(0, edgekws_expected_results, sizeof edgekws_expected_results) == EDGEKWS_SCORES_CRC);
    for (uint32_t clip = 0; clip < EDGEKWS_CLIPS; clip++) {
        const char where[2] = {(char)('0' + clip), 0};
        samples = hear(spotter, clip, &state, samples);
        CHECK("scores", where, !memcmp(spotter->scores, edgekws_expected_results[clip], EDGEKWS_CLASSES));
    }
    CHECK("samples", "", samples == EDGEKWS_SAMPLES_CRC);
    edgekws_reset(spotter);
    return failures;
}
