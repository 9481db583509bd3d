/* What JavaScript calls. An instance of the module is one stream, and its memory all there is.
 *
 * reset() starts over. samples() is where up to capacity() samples go; push(count) hears them and returns how many results
 * came, which lie at results(), as edgekws_stream.h says. At thresholds() lie those in use, which the page may change. The only import is env.say(check, where, passed). */
#include "edgekws_stream.c" /* with its type: there is no malloc */

#define EXPORT(name) __attribute__((export_name(#name)))

static edgekws_stream stream;
static int16_t heard[EDGEKWS_STREAM_BLOCK];
static uint16_t thresholds[EDGEKWS_CLASSES] = EDGEKWS_DETECTOR_THRESHOLDS;
static int32_t found[EDGEKWS_STREAM_RESULTS * EDGEKWS_STREAM_RESULT];

EXPORT(reset) void edgekws_wasm_reset(void);
EXPORT(samples) int16_t *edgekws_wasm_samples(void);
EXPORT(capacity) uint32_t edgekws_wasm_capacity(void);
EXPORT(push) uint32_t edgekws_wasm_push(uint32_t count);
EXPORT(thresholds) uint16_t *edgekws_wasm_thresholds(void);
EXPORT(results) const int32_t *edgekws_wasm_results(void);
EXPORT(selftest) int edgekws_wasm_selftest(void);
__attribute__((import_module("env"), import_name("say"))) void edgekws_wasm_say(const char *, const char *, bool);

void edgekws_wasm_reset(void)
{
    edgekws_stream_reset(&stream);
}

int16_t *edgekws_wasm_samples(void)
{
    return heard;
}

uint32_t edgekws_wasm_capacity(void)
{
    return EDGEKWS_STREAM_BLOCK;
}

uint32_t edgekws_wasm_push(uint32_t count)
{
    return edgekws_stream_push_at(&stream, heard, count, thresholds, found);
}

uint16_t *edgekws_wasm_thresholds(void)
{
    return thresholds;
}

const int32_t *edgekws_wasm_results(void)
{
    return found;
}

int edgekws_wasm_selftest(void)
{
    return edgekws_stream_selftest(&stream, edgekws_wasm_say);
}
