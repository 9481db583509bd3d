/* Prints the words that a digital microphone hears, over USB and over the UART. */
#include <stdio.h>

#include "edgekws_detector.h"
#include "edgekws_evenly.h"
#include "edgekws_frontend.h"
#include "microphone.h"
#include "pico/stdlib.h"

static edgekws_state spotter;
static edgekws_detector detector;
static edgekws_frontend frontend;
static edgekws_evenly evenly; /* no turn of the loop takes much longer than others */

int main(void)
{
    uint32_t told = 0;
    stdio_init_all();
    edgekws_reset(&spotter);
    edgekws_detector_reset(&detector);
    edgekws_frontend_reset(&frontend);
    edgekws_evenly_reset(&evenly);
    if (!microphone_begin(EDGEKWS_SAMPLE_RATE)) {
        for (;;) {
            printf("no microphone: PIO 0 has no room for its program\n");
            sleep_ms(3000);
        }
    }
    for (;;) {
        static int16_t samples[160], ready[160 + EDGEKWS_FRONTEND_WAITING];
        const size_t read = microphone_read(samples, 160);
        if (!read) tight_loop_contents();
        const size_t count = edgekws_frontend_push(&frontend, samples, read, ready);
        for (size_t i = 0; i < count;) {
            i += edgekws_evenly_push(&evenly, &spotter, ready + i, count - i);
            if (!edgekws_ready(&spotter)) continue;
            const int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
            if (word >= 0) printf("%s\n", edgekws_labels[word]);
        }
        if (microphone_lost() != told) {
            if (!told) printf("samples lost: this board is too slow for the model or its kernels\n"); /* once: it takes time */
            told = microphone_lost();
        }
    }
}
