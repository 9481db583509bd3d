/* Prints the words in WAV files, or in one from standard input ("-"), such as `arecord -t wav -r 16000 |` gives:
 *
 *     cc -O3 *.c -o spotter && ./spotter recording.wav ...
 *
 * It reads PCM of 8, 16, 24 or 32 bits and 32-bit floats at EDGEKWS_SAMPLE_RATE Hz, and averages several channels. For any
 * other file it prints the command that converts it. It reads the sound to its end, even if the header's size is wrong.
 *
 * It prints a line for each window, or for each hop in sliding mode: the time of the window's middle, the word and its
 * probability. A recording shorter than a window is put in the middle of silence, as in training. */
#include "edgekws_frontend.h"

#include <stdio.h>
#include <string.h>

static edgekws_state spotter;
static edgekws_frontend frontend;
static int16_t ready[EDGEKWS_WINDOW + EDGEKWS_FRONTEND_WAITING];

static uint32_t little_endian(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    while (count--) value = value << 8 | bytes[count];
    return value;
}

enum { PCM = 1, FLOATS = 3, EXTENSIBLE = 0xFFFE, MOST_CHANNELS = 64 };

/* Programs that do not know how much sound will follow write 0, or this size or more. */
#define UNKNOWN_SIZE 0x7FFF0000u

typedef struct {
    FILE *file;
    uint32_t coding, channels, bytes; /* of a sample */
    uint32_t left;                    /* bytes of sound that the header still promises */
    bool endless;                     /* the sound ends with the file */
    bool cut_off, miscounted, beyond; /* faults found while reading; beyond: far beyond full scale */
    uint64_t first, mixed;            /* the energy of the first channel and of the mean */
    uint8_t ahead[4];                 /* bytes after the promised ones that are sound too */
    int kept;
} wav;

/* Reads a description of samples into `sound`. Returns what is wrong with it, or NULL. */
static const char *describe(wav *sound, const uint8_t *format, uint32_t size)
{
    if (size < 16) return "its description is cut off";
    sound->coding = little_endian(format, 2);
    if (sound->coding == EXTENSIBLE && size >= 26) sound->coding = little_endian(format + 24, 2);
    sound->channels = little_endian(format + 2, 2);
    const uint32_t bits = little_endian(format + 14, 2);
    sound->bytes = bits / 8;
    if (!(sound->coding == PCM && bits && bits % 8 == 0 && bits <= 32) && !(sound->coding == FLOATS && bits == 32))
        return "expected PCM samples, or floats of 32 bits";
    if (sound->channels < 1 || sound->channels > MOST_CHANNELS) return "expected 1 to 64 channels";
    return little_endian(format + 4, 4) == EDGEKWS_SAMPLE_RATE ? NULL : "expected another sample rate";
}

/* Reads a WAV file up to its samples. Returns what is wrong with it, or NULL. */
static const char *find_samples(wav *sound)
{
    FILE *file = sound->file;
    uint8_t head[12], chunk[8], content[40] = {0};
    uint32_t large = 0; /* the size of the sound in an RF64 file */
    const char *problem = "its samples come before their description";
    if (fread(head, 1, 12, file) != 12 || (memcmp(head, "RIFF", 4) && memcmp(head, "RF64", 4)) ||
        memcmp(head + 8, "WAVE", 4))
        return "expected a WAV file";
    while (fread(chunk, 1, 8, file) == 8) {
        uint32_t size = little_endian(chunk + 4, 4);
        if (!memcmp(chunk, "data", 4)) {
            sound->left = size == 0xFFFFFFFFu && large ? large : size;
            sound->endless = sound->left >= UNKNOWN_SIZE;
            return problem;
        }
        const uint32_t wanted = size < sizeof content ? size : (uint32_t)sizeof content;
        if (fread(content, 1, wanted, file) != wanted) break;
        if (!memcmp(chunk, "fmt ", 4)) problem = describe(sound, content, wanted);
        if (!memcmp(chunk, "ds64", 4) && !little_endian(content + 12, 4)) large = little_endian(content + 8, 4);
        size += size & 1; /* chunks begin at even places */
        for (size -= wanted; size && getc(file) != EOF;) size--;
    }
    return "it ends before its samples";
}

/* Whether sound continues after the bytes that the header promised: anything that is no chunk is sound. */
static bool goes_on(wav *sound, uint32_t promised)
{
    for (uint32_t rest = sound->left + (promised & 1); rest; rest--) (void)getc(sound->file);
    const size_t count = fread(sound->ahead, 1, 4, sound->file);
    bool name = true;
    for (size_t i = 0; i < count; i++) name = name && sound->ahead[i] >= ' ' && sound->ahead[i] <= '~';
    if (count < 4 || name) return false;
    sound->kept = 4;
    sound->endless = true;
    sound->miscounted = promised > 0;
    return true;
}

static int next_byte(wav *sound)
{
    return sound->kept ? sound->ahead[4 - sound->kept--] : getc(sound->file);
}

/* One sample in 16 bits; lower bits are cut off. */
static int16_t sample_of(wav *sound, const uint8_t *bytes)
{
    if (sound->coding == FLOATS) {
        const uint32_t bits = little_endian(bytes, 4);
        float value;
        memcpy(&value, &bits, sizeof value);
        sound->beyond = sound->beyond || value > 16 || value < -16;
        if (!(value > -1)) return value <= -1 ? -32768 : 0; /* not a number is silence */
        return value >= 32767 / 32768.0f ? 32767 : (int16_t)(value * 32768 + (value < 0 ? -0.5f : 0.5f));
    }
    if (sound->bytes == 1) return (int16_t)((bytes[0] - 128) * 256);
    return (int16_t)(uint16_t)little_endian(bytes + sound->bytes - 2, 2);
}

/* The mean of the channels, rounded to nearest, ties to even. */
static int16_t mean(int32_t sum, int32_t channels)
{
    int32_t down = sum / channels, rest = sum % channels;
    if (rest < 0) rest += channels, down--;
    return (int16_t)(down + (2 * rest > channels || (2 * rest == channels && (down & 1))));
}

/* Reads `most` samples; fewer only at the end. */
static size_t read_samples(wav *sound, int16_t *samples, size_t most)
{
    const uint32_t frame = sound->bytes * sound->channels;
    size_t count = 0;
    for (; count < most; count++) {
        uint8_t bytes[4 * MOST_CHANNELS];
        int32_t sum = 0;
        if (!sound->endless && sound->left < frame) break;
        for (uint32_t i = 0; i < frame; i++) {
            const int byte = next_byte(sound);
            if (byte == EOF) {
                sound->cut_off = !sound->endless;
                return count;
            }
            bytes[i] = (uint8_t)byte;
        }
        for (uint32_t i = 0; i < sound->channels; i++) {
            const int32_t sample = sample_of(sound, bytes + i * sound->bytes);
            if (!i) sound->first += (uint64_t)(sample * sample);
            sum += sample;
        }
        samples[count] = mean(sum, (int32_t)sound->channels);
        sound->mixed += (uint64_t)(samples[count] * samples[count]);
        if (!sound->endless) sound->left -= frame;
    }
    return count;
}

/* Pushes the samples that the front end has ready, after `heard` others, and prints every result. */
static void hear_ready(size_t count, uint32_t *heard)
{
    const int16_t *samples = ready;
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

/* Takes up to a window of samples. */
static void hear(const int16_t *samples, size_t count, uint32_t *heard)
{
    hear_ready(edgekws_frontend_push(&frontend, samples, count, ready), heard);
}

static void hear_silence(uint32_t samples, uint32_t *heard)
{
    static const int16_t silence[1];
    while (samples--) hear(silence, 1, heard);
}

/* Hears a recording to its end, even beyond the size in its header. Returns what is wrong, or NULL. */
static const char *hear_sound(wav *sound)
{
    static int16_t block[EDGEKWS_WINDOW];
    const uint32_t promised = sound->left;
    uint32_t heard = 0;
    size_t count = read_samples(sound, block, EDGEKWS_WINDOW);
    if (count < EDGEKWS_WINDOW && !sound->endless && !sound->cut_off && goes_on(sound, promised))
        count += read_samples(sound, block + count, EDGEKWS_WINDOW - count);
    if (!count) return "it holds no samples";
    const uint32_t missing = EDGEKWS_WINDOW - (uint32_t)count;
    edgekws_reset(&spotter);
    edgekws_frontend_reset(&frontend);
    hear_silence(missing / 2, &heard);
    do {
        hear(block, count, &heard);
        count = read_samples(sound, block, 256);
        if (!count && !sound->endless && !sound->cut_off && goes_on(sound, promised))
            count = read_samples(sound, block, 256);
    } while (count);
    if (sound->cut_off) return "it is cut off: fewer samples than it says";
    hear_silence(missing - missing / 2, &heard);
    hear_ready(edgekws_frontend_flush(&frontend, ready), &heard);
    return NULL;
}

static int hear_file(const char *path)
{
    wav sound = {0};
    sound.file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    const char *problem = sound.file ? find_samples(&sound) : "cannot be opened";
    const bool convertible = sound.file && problem;
    if (!problem) problem = hear_sound(&sound);
    if (sound.file && sound.file != stdin) fclose(sound.file);
    if (sound.miscounted) fprintf(stderr, "%s: its header gives too small a size; all the sound was heard\n", path);
    if (!problem && sound.beyond) problem = "its floats go far beyond 1: integers saved as floats? Save them as PCM";
    if (!problem && sound.mixed < sound.first / 32) problem = "its channels cancel each other: save one of them alone";
    if (problem) fprintf(stderr, "%s: %s", path, problem);
    if (convertible)
        fprintf(stderr, " (wanted: WAV at %d Hz; convert it: ffmpeg -i \"%s\" -ac 1 -ar %d \"%s.16k.wav\")",
                EDGEKWS_SAMPLE_RATE, path, EDGEKWS_SAMPLE_RATE, path);
    if (problem) fputc('\n', stderr);
    return problem != NULL;
}

int main(int count, char **paths)
{
    int failed = 0;
    if (count < 2) {
        fprintf(stderr, "usage: %s FILE.wav ..., or - for standard input\n", paths[0]);
        return 2;
    }
    for (int i = 1; i < count; i++) failed |= hear_file(paths[i]);
    return failed;
}
