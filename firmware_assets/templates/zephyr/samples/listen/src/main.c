/* Prints the words that a digital microphone hears: any board whose devicetree has a node labelled dmic_dev. */
#include <stdio.h>
#include <zephyr/audio/dmic.h>
#include <zephyr/device.h>
#include <zephyr/kernel.h>

#include "edgekws_detector.h"
#include "edgekws_evenly.h"
#include "edgekws_frontend.h"

#define BLOCK_SAMPLES (EDGEKWS_SAMPLE_RATE / 50)
#define BLOCK_BYTES (BLOCK_SAMPLES * sizeof(int16_t))

K_MEM_SLAB_DEFINE_STATIC(blocks, BLOCK_BYTES, 4, 4);

static edgekws_state spotter;
static edgekws_detector detector;
static edgekws_frontend frontend;
static edgekws_evenly evenly; /* no turn of the loop takes much longer than others */
static int16_t ready[BLOCK_SAMPLES + EDGEKWS_FRONTEND_WAITING];

static int microphone(const struct device *dmic)
{
    struct pcm_stream_cfg stream = {
        .pcm_rate = EDGEKWS_SAMPLE_RATE,
        .pcm_width = 16,
        .block_size = BLOCK_BYTES,
        .mem_slab = &blocks,
    };
    struct dmic_cfg settings = {
        .io = {.min_pdm_clk_freq = 1000000,
               .max_pdm_clk_freq = 3500000,
               .min_pdm_clk_dc = 40,
               .max_pdm_clk_dc = 60},
        .streams = &stream,
        .channel = {.req_num_streams = 1,
                    .req_num_chan = 1,
                    .req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT)},
    };
    const int failed = dmic_configure(dmic, &settings);
    return failed ? failed : dmic_trigger(dmic, DMIC_TRIGGER_START);
}

int main(void)
{
    const struct device *dmic = DEVICE_DT_GET(DT_NODELABEL(dmic_dev));
    if (!device_is_ready(dmic) || microphone(dmic)) {
        printf("no microphone: %s is not ready\n", dmic->name);
        return 0;
    }
    edgekws_reset(&spotter);
    edgekws_detector_reset(&detector);
    edgekws_frontend_reset(&frontend);
    edgekws_evenly_reset(&evenly);
    for (;;) {
        void *block;
        size_t bytes;
        if (dmic_read(dmic, 0, &block, &bytes, 1000)) {
            printf("samples lost: this board is too slow for the model or its kernels, or has no microphone there\n");
            edgekws_reset(&spotter);
            edgekws_detector_reset(&detector);
            edgekws_frontend_reset(&frontend);
            edgekws_evenly_reset(&evenly);
            dmic_trigger(dmic, DMIC_TRIGGER_STOP);
            k_msleep(100); /* some drivers fail at once */
            dmic_trigger(dmic, DMIC_TRIGGER_START);
            continue;
        }
        const size_t count = edgekws_frontend_push(&frontend, block, bytes / sizeof(int16_t), ready);
        for (size_t i = 0; i < count;) {
            i += edgekws_evenly_push(&evenly, &spotter, ready + i, count - i);
            if (!edgekws_ready(&spotter)) continue;
            const int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
            if (word >= 0) printf("%s\n", edgekws_labels[word]);
        }
        k_mem_slab_free(&blocks, block);
    }
}
