/* A boot ROM for an emulated RP2040: what the Pico SDK calls in the chip's own, by the same tables, and nothing else.
 *
 * The SDK finds a function by two letters; rom.ld puts the tables where it looks. The emulator starts a program itself.
 * What is not here stops the emulator: run on from address 0, a program would only be wrong somewhere else. */
#include <stdint.h>

static void *set(void *to, uint8_t value, uint32_t count)
{
    for (uint8_t *at = to; count; count--) *at++ = value;
    return to;
}

static void *copy(void *to, const void *from, uint32_t count)
{
    const uint8_t *source = from;
    for (uint8_t *at = to; count; count--) *at++ = *source++;
    return to;
}

static uint32_t reverse(uint32_t value)
{
    uint32_t reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (value >> bit & 1u) << (31 - bit);
    return reversed;
}

static uint32_t ones(uint32_t value)
{
    uint32_t count = 0;
    for (; value; value &= value - 1) count++;
    return count;
}

static uint32_t zeros_behind(uint32_t value)
{
    return value ? ones((value & -value) - 1) : 32;
}

static uint32_t zeros_before(uint32_t value)
{
    return zeros_behind(reverse(value));
}

static void nothing(void) {} /* the emulated flash is always there to be read */

static void missing(void)
{
    __asm volatile("bkpt 0");
}

struct entry {
    uint32_t code;
    const void *at;
};

#define CODE(a, b) ((uint32_t)(b) << 8 | (a))

const struct entry functions[] = {
    {CODE('M', 'S'), set},     {CODE('S', '4'), set},     {CODE('M', 'C'), copy},         {CODE('C', '4'), copy},
    {CODE('P', '3'), ones},    {CODE('R', '3'), reverse}, {CODE('L', '3'), zeros_before}, {CODE('T', '3'), zeros_behind},
    {CODE('I', 'F'), nothing}, {CODE('E', 'X'), nothing}, {CODE('F', 'C'), nothing},      {0, missing},
};
static const uint32_t no_floats[64]; /* programs that compute with floats would need it */
const struct entry data[] = {{CODE('S', 'F'), no_floats}, {CODE('S', 'D'), no_floats}, {0, 0}};

const void *lookup(const struct entry *table, uint32_t code)
{
    for (; table->code && table->code != code;) table++;
    return table->at;
}
