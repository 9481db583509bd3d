#ifndef I2S_STD_H
#define I2S_STD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef int esp_err_t;
#define ESP_OK 0
#define ESP_ERROR_CHECK(call) ((void)(call))
typedef struct i2s_channel *i2s_chan_handle_t;
typedef enum { I2S_NUM_AUTO } i2s_port_t;
typedef enum { I2S_ROLE_MASTER } i2s_role_t;
typedef enum { I2S_DATA_BIT_WIDTH_16BIT = 16, I2S_DATA_BIT_WIDTH_32BIT = 32 } i2s_data_bit_width_t;
typedef enum { I2S_SLOT_MODE_MONO = 1 } i2s_slot_mode_t;
#define I2S_GPIO_UNUSED (-1)
typedef struct { i2s_port_t id; i2s_role_t role; } i2s_chan_config_t;
#define I2S_CHANNEL_DEFAULT_CONFIG(port, kind) {.id = (port), .role = (kind)}
typedef struct { uint32_t sample_rate_hz; } i2s_std_clk_config_t;
#define I2S_STD_CLK_DEFAULT_CONFIG(rate) {.sample_rate_hz = (rate)}
typedef struct { i2s_data_bit_width_t data_bit_width; i2s_slot_mode_t slot_mode; } i2s_std_slot_config_t;
#define I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(width, mode) {.data_bit_width = (width), .slot_mode = (mode)}
typedef struct { int mclk, bclk, ws, dout, din; } i2s_std_gpio_config_t;
typedef struct {
    i2s_std_clk_config_t clk_cfg;
    i2s_std_slot_config_t slot_cfg;
    i2s_std_gpio_config_t gpio_cfg;
} i2s_std_config_t;
typedef struct { void *dma_buf; size_t size; } i2s_event_data_t;
typedef bool (*i2s_isr_callback_t)(i2s_chan_handle_t channel, i2s_event_data_t *event, void *context);
typedef struct { i2s_isr_callback_t on_recv, on_recv_q_ovf, on_sent, on_send_q_ovf; } i2s_event_callbacks_t;
esp_err_t i2s_new_channel(const i2s_chan_config_t *settings, i2s_chan_handle_t *out, i2s_chan_handle_t *in);
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t channel, const i2s_std_config_t *format);
esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t channel, const i2s_event_callbacks_t *events, void *context);
esp_err_t i2s_channel_enable(i2s_chan_handle_t channel);
esp_err_t i2s_channel_read(i2s_chan_handle_t channel, void *to, size_t size, size_t *read, uint32_t timeout);
#endif
