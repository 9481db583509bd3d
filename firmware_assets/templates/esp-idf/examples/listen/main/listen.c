/* Prints the words that an I2S microphone (INMP441, ICS-43434 and their like, left channel) hears.
 * idf.py menuconfig, Microphone: which pins it is on. */
#include <stdio.h>

#include "driver/i2s_std.h"
#include "edgekws_detector.h"
#include "edgekws_evenly.h"
#include "edgekws_frontend.h"
#include "esp_attr.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static edgekws_state spotter;
static edgekws_detector detector;
static edgekws_frontend frontend;
static edgekws_evenly evenly; /* no turn of the loop takes much longer than others */
static volatile uint32_t lost; /* buffers that the driver wrote over before they were read */

static bool IRAM_ATTR on_lost(i2s_chan_handle_t channel, i2s_event_data_t *event, void *context)
{
    (void)channel;
    (void)event;
    (void)context;
    lost++;
    return false;
}

static i2s_chan_handle_t microphone(void)
{
    i2s_chan_handle_t channel;
    const i2s_chan_config_t settings = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
    const i2s_std_config_t format = {
        .clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(EDGEKWS_SAMPLE_RATE),
        .slot_cfg = I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO),
        .gpio_cfg = {
            .mclk = I2S_GPIO_UNUSED,
            .bclk = CONFIG_EDGEKWS_LISTEN_I2S_CLOCK,
            .ws = CONFIG_EDGEKWS_LISTEN_I2S_SELECT,
            .dout = I2S_GPIO_UNUSED,
            .din = CONFIG_EDGEKWS_LISTEN_I2S_DATA,
        },
    };
    const i2s_event_callbacks_t events = {.on_recv_q_ovf = on_lost};
    ESP_ERROR_CHECK(i2s_new_channel(&settings, NULL, &channel));
    ESP_ERROR_CHECK(i2s_channel_init_std_mode(channel, &format));
    ESP_ERROR_CHECK(i2s_channel_register_event_callback(channel, &events, NULL));
    ESP_ERROR_CHECK(i2s_channel_enable(channel));
    return channel;
}

/* The upper 16 of 32 bits, louder by CONFIG_EDGEKWS_LISTEN_GAIN_BITS. Before that goes the microphone's offset, by its mean
 * over a quarter of a second: 16 times half a per cent of full scale would take the room that sound needs. The front end's
 * own DC blocker takes what is left. */
static int16_t amplified(int32_t wide)
{
    static int32_t mean; /* of the upper 24 bits */
    const int32_t centred = (wide >> 8) - mean;
    if (CONFIG_EDGEKWS_LISTEN_GAIN_BITS) mean += centred >> 12;
    const int32_t sample = centred >> (8 - CONFIG_EDGEKWS_LISTEN_GAIN_BITS);
    return (int16_t)(sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : sample);
}

/* Once a second, lets the idle task run. A model that is slower than real time never waits for samples: without this the
 * idle task's watchdog would end the program. */
static void rest(void)
{
    static TickType_t rested;
    if (xTaskGetTickCount() - rested < pdMS_TO_TICKS(1000)) return;
    vTaskDelay(1);
    rested = xTaskGetTickCount();
}

void app_main(void)
{
    const i2s_chan_handle_t channel = microphone();
    bool told = false;
    edgekws_reset(&spotter);
    edgekws_detector_reset(&detector);
    edgekws_frontend_reset(&frontend);
    edgekws_evenly_reset(&evenly);
    for (;;) {
        static int32_t wide[256];
        static int16_t samples[256], ready[256 + EDGEKWS_FRONTEND_WAITING];
        size_t bytes = 0;
        if (i2s_channel_read(channel, wide, sizeof wide, &bytes, 1000) != ESP_OK) {
            printf("no samples for a second: is the microphone connected?\n");
            continue;
        }
        if (lost && !told) { /* once: to tell of each would make it slower */
            printf("samples lost: this board is too slow for the model or its kernels\n");
            told = true;
        }
        const size_t read = bytes / sizeof wide[0];
        for (size_t i = 0; i < read; i++) samples[i] = amplified(wide[i]);
        const size_t count = edgekws_frontend_push(&frontend, samples, read, ready);
        for (size_t i = 0; i < count;) {
            i += edgekws_evenly_push(&evenly, &spotter, ready + i, count - i);
            if (!edgekws_ready(&spotter)) continue;
            const int word = edgekws_detector_push(&detector, edgekws_scores(&spotter));
            if (word >= 0) printf("%s\n", edgekws_labels[word]);
        }
        rest();
    }
}
