/* Says which words a recording holds, taken from it as from a microphone: make listen.elf WAV=FILE puts it in the image.
 * The quiet before and after it is as long as 'edgekws listen FILE' has it, so that in sliding mode words and times are
 * the same. For a microphone, give hear() its samples, and leave out the silence and one of the two delays in it. */
#include <string.h>

#include "edgekws_detector.h"
#include "edgekws_frontend.h"
#include "uart.h"

__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "wav_begin: .incbin \"" WAV "\"\n"
        "wav_end:\n"
        ".popsection\n");
extern const uint8_t wav_begin[], wav_end[];

static edgekws_state spotter;
static edgekws_detector detector;
static edgekws_frontend frontend;
static int16_t ready[128 + EDGEKWS_FRONTEND_WAITING];
static uint32_t results;

static uint32_t number(const uint8_t *from, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | from[i];
    return value;
}

static void say(uint32_t sample, const char *word)
{
    char digits[12] = "";
    uint32_t ms = sample / (EDGEKWS_SAMPLE_RATE / 1000);
    int place = 10;
    do digits[place--] = (char)('0' + ms % 10);
    while (ms /= 10);
    while (place >= 2) digits[place--] = ' ';
    uart_print(digits + 2);
    uart_print(" ms  ");
    uart_print(word);
    uart_print("\n");
}

/* Takes up to 128 samples. */
static void hear(const int16_t *samples, size_t count)
{
    count = edgekws_frontend_push(&frontend, samples, count, ready);
    for (size_t i = 0; i < count;) {
        i += edgekws_push(&spotter, ready + i, count - i);
        if (!edgekws_ready(&spotter)) continue;
        const uint32_t end = EDGEKWS_WINDOW + results++ * EDGEKWS_HOP;
        const int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
        const uint32_t quiet = 2 * EDGEKWS_DETECTOR_DELAY; /* before the recording, and from a word to its detection */
        if (word >= 0) say(end > quiet ? end - quiet : 0, edgekws_labels[word]);
    }
}

static void hear_silence(uint32_t count)
{
    static const int16_t zeros[128];
    for (; count > 128; count -= 128) hear(zeros, 128);
    hear(zeros, count);
}

/* The samples in a WAV file of 16 bits, one channel and the engine's rate; 0: it is another file. */
static const uint8_t *samples_in(const uint8_t *wav, const uint8_t *end, uint32_t *count)
{
    bool fits = false;
    if (end - wav < 12 || memcmp(wav, "RIFF", 4) || memcmp(wav + 8, "WAVE", 4)) return 0;
    for (wav += 12; end - wav >= 8;) {
        const uint32_t left = (uint32_t)(end - wav) - 8, said = number(wav + 4, 4), size = said < left ? said : left;
        if (!memcmp(wav, "fmt ", 4) && size >= 16)
            fits = number(wav + 8, 2) == 1 && number(wav + 10, 2) == 1 && number(wav + 12, 4) == EDGEKWS_SAMPLE_RATE &&
                   number(wav + 22, 2) == 16;
        if (!memcmp(wav, "data", 4)) {
            *count = size / 2;
            return fits ? wav + 8 : 0;
        }
        if (size + (size & 1) > left) return 0;
        wav += 8 + size + (size & 1);
    }
    return 0;
}

int main(void)
{
    uart_begin();
    uint32_t count = 0;
    const uint8_t *samples = samples_in(wav_begin, wav_end, &count);
    if (!samples) {
        uart_print("expected a WAV file of 16 bits, one channel, 16000 samples a second; convert it and build again\n");
        return 1;
    }
    edgekws_reset(&spotter);
    edgekws_detector_reset(&detector);
    edgekws_frontend_reset(&frontend);
    hear_silence(EDGEKWS_DETECTOR_DELAY);
    for (uint32_t i = 0; i < count; i++) {
        const int16_t sample = (int16_t)number(samples + 2 * i, 2); /* one by one, as they would come */
        hear(&sample, 1);
    }
    hear_silence(EDGEKWS_DETECTOR_DELAY);
    uart_print("the recording has ended\n");
    return 0;
}

void fault(void);
void fault(void)
{
    uart_print("a fault; is memory where link.ld says?\n");
    for (;;) {
    }
}
