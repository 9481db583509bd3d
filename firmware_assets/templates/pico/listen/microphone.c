/* The FIFO's interrupt writes into a ring, which microphone_read empties. Both are short: a push of the engine, which takes
 * long, happens in between. */
#include "microphone.h"

#include "hardware/clocks.h"
#include "hardware/irq.h"
#include "hardware/pio.h"
#include "microphone.pio.h"
#include "pico/stdlib.h"

#ifdef MICROPHONE_PDM
enum { WORDS = 16384, BITS = 64, CYCLES = 2 * BITS }; /* half a second; bits of a sample; instructions of the program for them */
#else
enum { WORDS = 8192, CYCLES = 128 };
#endif

static uint32_t ring[WORDS];
static volatile uint32_t written, taken, lost;
static uint machine;

static void on_words(void)
{
    while (!pio_sm_is_rx_fifo_empty(pio0, machine)) {
        const uint32_t word = pio_sm_get(pio0, machine);
        if (written - taken < WORDS)
            ring[written++ % WORDS] = word;
        else
            lost++;
    }
}

/* 24 bits, louder by GAIN_BITS, as 16. Before that goes the microphone's offset, by its mean over a quarter of a second: 16
 * times half a per cent of full scale would take the room that sound needs. */
static int16_t amplified(int32_t wide)
{
    static int32_t mean;
    const int32_t centred = wide - mean;
    mean += centred >> 12;
    const int32_t sample = centred >> (8 - GAIN_BITS);
    return (int16_t)(sample > INT16_MAX ? INT16_MAX : sample < INT16_MIN ? INT16_MIN : sample);
}

#ifdef MICROPHONE_PDM
/* A low pass of 512 taps, 6.8 kHz at 1.024 MHz (a Kaiser window of beta 6); its second half is the first, mirrored. The sum of
 * all is 2^18. */
static const int16_t half[256] = {
    -5, -5, -5, -5, -6, -6, -6, -6, -6, -7, -7, -7, -7, -7, -7, -7,
    -7, -7, -6, -6, -6, -6, -5, -5, -4, -4, -3, -2, -1, -1, 0, 1,
    2, 4, 5, 6, 8, 9, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28,
    31, 33, 35, 38, 40, 43, 45, 48, 50, 53, 56, 58, 61, 63, 66, 68,
    71, 73, 75, 78, 80, 82, 84, 86, 87, 89, 90, 91, 92, 93, 94, 94,
    94, 94, 94, 93, 92, 91, 90, 88, 86, 84, 81, 78, 75, 71, 67, 63,
    58, 53, 48, 42, 36, 29, 22, 15, 7, -1, -9, -18, -27, -36, -46, -56,
    -66, -77, -88, -99, -111, -122, -134, -146, -159, -171, -184, -196, -209, -222, -235, -247,
    -260, -273, -285, -298, -310, -322, -334, -346, -357, -368, -379, -389, -399, -408, -417, -425,
    -433, -439, -446, -451, -456, -460, -463, -465, -466, -467, -466, -464, -462, -458, -453, -446,
    -439, -431, -421, -410, -397, -383, -368, -352, -334, -315, -294, -272, -248, -223, -197, -169,
    -140, -109, -76, -43, -7, 29, 67, 107, 148, 190, 234, 279, 325, 373, 421, 471,
    523, 575, 628, 683, 738, 795, 852, 910, 969, 1029, 1090, 1151, 1212, 1274, 1337, 1400,
    1463, 1526, 1590, 1654, 1717, 1781, 1844, 1908, 1971, 2033, 2096, 2157, 2219, 2279, 2339, 2398,
    2456, 2513, 2569, 2624, 2678, 2731, 2782, 2832, 2880, 2927, 2973, 3017, 3059, 3099, 3138, 3174,
    3209, 3242, 3273, 3302, 3329, 3354, 3376, 3397, 3415, 3431, 3444, 3456, 3465, 3472, 3477, 3483,
};

enum { SPANNED = 512 / 32 }; /* words that a sample depends on */

static int16_t table[64][256]; /* what each byte of them adds, the oldest first */

static void prepare(void)
{
    for (uint32_t byte = 0; byte < 64; byte++) {
        for (uint32_t bits = 0; bits < 256; bits++) {
            int32_t sum = 0;
            for (uint32_t bit = 0; bit < 8; bit++) { /* the oldest bit is the highest */
                const uint32_t tap = 8 * byte + bit;
                const int32_t weight = half[tap < 256 ? tap : 511 - tap];
                sum += bits >> (7 - bit) & 1 ? weight : -weight;
            }
            table[byte][bits] = (int16_t)sum;
        }
    }
}

size_t microphone_read(int16_t *samples, size_t count)
{
    size_t read = 0;
    while (read < count && written - taken >= SPANNED) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < SPANNED; i++) {
            const uint32_t word = ring[(taken + i) % WORDS];
            sum += table[4 * i][word >> 24] + table[4 * i + 1][word >> 16 & 255];
            sum += table[4 * i + 2][word >> 8 & 255] + table[4 * i + 3][word & 255];
        }
        samples[read++] = amplified(sum * 32);
        taken += BITS / 32;
    }
    return read;
}
#else
static void prepare(void)
{
}

size_t microphone_read(int16_t *samples, size_t count)
{
    size_t read = 0;
    while (read < count && taken != written) samples[read++] = amplified((int32_t)ring[taken++ % WORDS] >> 8);
    return read;
}
#endif

uint32_t microphone_lost(void)
{
    return lost;
}

bool microphone_begin(uint32_t rate)
{
#ifdef MICROPHONE_PDM
    const pio_program_t *program = &pdm_program;
    const uint outputs = 1;
#else
    const pio_program_t *program = &i2s_program;
    const uint outputs = 2;
#endif
    prepare();
    const int free = pio_claim_unused_sm(pio0, false);
    if (free < 0 || !pio_can_add_program(pio0, program)) return false;
    machine = (uint)free;
    const uint offset = pio_add_program(pio0, program);
#ifdef MICROPHONE_PDM
    pio_sm_config config = pdm_program_get_default_config(offset);
#else
    pio_sm_config config = i2s_program_get_default_config(offset);
#endif
    for (uint pin = PIN_CLOCK; pin < PIN_CLOCK + outputs; pin++) pio_gpio_init(pio0, pin);
    pio_gpio_init(pio0, PIN_DATA);
    pio_sm_set_consecutive_pindirs(pio0, machine, PIN_CLOCK, outputs, true);
    pio_sm_set_consecutive_pindirs(pio0, machine, PIN_DATA, 1, false);
    sm_config_set_sideset_pins(&config, PIN_CLOCK);
    sm_config_set_in_pins(&config, PIN_DATA);
    sm_config_set_in_shift(&config, false, true, 32);
    sm_config_set_fifo_join(&config, PIO_FIFO_JOIN_RX);
    const uint64_t divider = ((uint64_t)clock_get_hz(clk_sys) * 256 + rate * CYCLES / 2) / (rate * CYCLES); /* in 1/256 */
    sm_config_set_clkdiv_int_frac(&config, (uint16_t)(divider >> 8), (uint8_t)(divider & 255));
    pio_sm_init(pio0, machine, offset, &config);
    irq_set_exclusive_handler(PIO0_IRQ_0, on_words);
    pio_set_irq0_source_enabled(pio0, (enum pio_interrupt_source)(pis_sm0_rx_fifo_not_empty + machine), true);
    irq_set_enabled(PIO0_IRQ_0, true);
    pio_sm_set_enabled(pio0, machine, true);
    return true;
}
