#pragma once
#include <stdbool.h>
#include <stdint.h>
typedef unsigned int uint;
typedef struct pio_hw *PIO;
typedef struct {
    const uint16_t *instructions;
    uint8_t length;
    int8_t origin;
} pio_program_t;
typedef struct {
    uint32_t clkdiv, execctrl, shiftctrl, pinctrl;
} pio_sm_config;
enum pio_fifo_join { PIO_FIFO_JOIN_NONE, PIO_FIFO_JOIN_TX, PIO_FIFO_JOIN_RX };
enum pio_interrupt_source { pis_interrupt0 = 8, pis_sm0_rx_fifo_not_empty = 0 };
extern PIO pio0;
int pio_claim_unused_sm(PIO pio, bool required);
bool pio_can_add_program(PIO pio, const pio_program_t *program);
int pio_add_program(PIO pio, const pio_program_t *program);
void pio_gpio_init(PIO pio, uint pin);
int pio_sm_set_consecutive_pindirs(PIO pio, uint sm, uint pins, uint count, bool is_out);
void sm_config_set_sideset_pins(pio_sm_config *config, uint base);
void sm_config_set_in_pins(pio_sm_config *config, uint base);
void sm_config_set_in_shift(pio_sm_config *config, bool shift_right, bool autopush, uint threshold);
void sm_config_set_fifo_join(pio_sm_config *config, enum pio_fifo_join join);
void sm_config_set_clkdiv_int_frac(pio_sm_config *config, uint16_t whole, uint8_t part);
int pio_sm_init(PIO pio, uint sm, uint offset, const pio_sm_config *config);
void pio_set_irq0_source_enabled(PIO pio, enum pio_interrupt_source source, bool enabled);
void pio_sm_set_enabled(PIO pio, uint sm, bool enabled);
bool pio_sm_is_rx_fifo_empty(PIO pio, uint sm);
uint32_t pio_sm_get(PIO pio, uint sm);
