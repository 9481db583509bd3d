/* The words in WAV files (16-bit, mono, EDGEKWS_SAMPLE_RATE Hz):
 *
 *     cc -O2 *.c -o spotter && ./spotter recording.wav ...
 *
 * One line a window, or a hop in sliding mode, with the time of the window's middle: word and probability. A recording
 * shorter than a window is heard in the middle of silence, as in training. */
#include "edgekws.h"

#include <stdio.h>
#include <string.h>

static edgekws_state spotter;

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    while (count--) value = value << 8 | bytes[count];
    return value;
}

/* What is wrong with a file of this description, if anything. */
static const char *problem_of(const uint8_t *format, uint32_t size)
{
    if (!format) return "its samples come before their description";
    if (little_endian(format, 2) != 1 || little_endian(format + 14, 2) != 16) return "expected 16-bit PCM samples";
    if (little_endian(format + 2, 2) != 1) return "expected one channel";
    if (little_endian(format + 4, 4) != EDGEKWS_SAMPLE_RATE) return "expected another sample rate";
    return size < 2 ? "it holds no samples" : NULL;
}

/* Finds the samples of a WAV file: reads up to them and returns how many bytes they take, as the file says. What is
 * wrong, if anything, goes into `problem`. */
static uint32_t find_samples(FILE *file, const char **problem)
{
    uint8_t head[12], chunk[8], format[16];
    bool described = false;
    *problem = "expected a WAV file";
    if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4)) return 0;
    while (fread(chunk, 1, 8, file) == 8) {
        uint32_t size = little_endian(chunk + 4, 4);
        if (!memcmp(chunk, "data", 4)) {
            *problem = problem_of(described ? format : NULL, size);
            return size;
        }
        size += size & 1; /* chunks begin at even places */
        if (!memcmp(chunk, "fmt ", 4) && size >= 16) {
            if (fread(format, 1, 16, file) != 16) break;
            described = true;
            size -= 16;
        }
        while (size && getc(file) != EOF) size--;
    }
    *problem = "it ends before its samples";
    return 0;
}

/* Pushes samples, after `heard` others, and prints every result. */
static void hear(const int16_t *samples, size_t count, uint32_t *heard)
{
    while (count) {
        const size_t taken = edgekws_push(&spotter, samples, count);
        samples += taken;
        count -= taken;
        *heard += (uint32_t)taken;
        if (!edgekws_ready(&spotter)) continue;
        const int label = edgekws_label(&spotter);
        if (EDGEKWS_HOP < EDGEKWS_WINDOW)
            printf("%9.3f s  ", (*heard - EDGEKWS_WINDOW / 2) / (double)EDGEKWS_SAMPLE_RATE);
        printf("%s %.3f\n", edgekws_labels[label], edgekws_scores(&spotter)[label] / 256.0 + 0.5);
    }
}

static void hear_silence(uint32_t samples, uint32_t *heard)
{
    static const int16_t silence[1];
    while (samples--) hear(silence, 1, heard);
}

static int hear_file(const char *path)
{
    const char *problem = "cannot be opened";
    FILE *file = fopen(path, "rb");
    const uint32_t samples = file ? find_samples(file, &problem) / 2 : 0;
    uint32_t left = samples, heard = 0;
    if (!problem) {
        const uint32_t missing = samples < EDGEKWS_WINDOW ? EDGEKWS_WINDOW - samples : 0;
        edgekws_reset(&spotter);
        hear_silence(missing / 2, &heard);
        while (left) {
            uint8_t bytes[512];
            int16_t block[256];
            const size_t count = fread(bytes, 2, left < 256 ? left : 256, file);
            if (!count) break;
            for (size_t i = 0; i < count; i++) block[i] = (int16_t)(uint16_t)little_endian(bytes + 2 * i, 2);
            hear(block, count, &heard);
            left -= (uint32_t)count;
        }
        if (left)
            problem = "it is cut off: fewer samples than it says";
        else
            hear_silence(missing - missing / 2, &heard);
    }
    if (file) fclose(file);
    if (problem)
        fprintf(stderr, "%s: %s (wanted: 16-bit PCM, one channel, %d Hz)\n", path, problem, EDGEKWS_SAMPLE_RATE);
    return problem != NULL;
}

int main(int count, char **paths)
{
    int failed = 0;
    if (count < 2) {
        fprintf(stderr, "usage: %s FILE.wav ...\n", paths[0]);
        return 2;
    }
    for (int i = 1; i < count; i++) failed |= hear_file(paths[i]);
    return failed;
}
