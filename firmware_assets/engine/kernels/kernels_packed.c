/* Kernels for cores without SIMD but with a multiplier of 32 bits (Cortex-M0+, RV32, Xtensa): two positions in one
 * multiplication. Values and weights are int8.
 *
 * Let X be x0 + 2^16 x1, where x0 and x1 are values at the same place of two positions' runs. Then w X = w x0 + 2^16 w x1:
 * both products at once. Two such are added; the lower half then is within 2 * 127 * 128 < 2^15, since no weight is -128
 * (the generator sees to that), and the upper half, once what the lower one borrowed is given back, is x1's part. Its sum
 * H is kept, and the sum A of all modulo 2^32; so x0's sum is A - 2^16 H.
 *
 * All pairs of values are packed once for every two positions, and serve all output channels. A call computes position
 * after position and keeps the maxima of each channel until its pools are full.
 *
 * Weights: int8, (out_channels, taps * in_channels), each row filled with zeros to a multiple of 4, in an even number.
 * Scratch: the packed values; then, for every output of a call, the maximum of each channel. Any shape, any quantization. */
#include "edgekws_kernels.h"

/* sums[channel][position] of two channels, `row` bytes apart; `end` is behind the packed values. */
#ifdef __ARM_ARCH_6M__
/* ASR leaves the lower half's sign in the carry, and ADC gives it back. r0 and r1 walk through values and weights; A is
 * r8, H is r5. */
#define PAIR(first, second)                                                                                            \
    "ldm r0!, {r2, r3}\n" first "muls r2, r4\n" second "muls r3, r4\n"                                                 \
    "adds r2, r2, r3\n add r8, r2\n asrs r2, r2, #16\n adcs r5, r2\n"
EDGEKWS_NOINLINE static void dot(const int32_t *x, const int32_t *end, const int8_t *weights, uint32_t row,
                                 int32_t sums[2][2])
{
    register const int8_t *r1 __asm__("r1") = weights;
    (void)row; /* the second channel's weights come right behind */
    for (uint32_t channel = 0; channel < 2; channel++) {
        register const int32_t *r0 __asm__("r0") = x;
        register int32_t r2 __asm__("r2"), r5 __asm__("r5");
        register const int32_t *r12 __asm__("r12") = end;
        __asm__ volatile(".syntax unified\n movs r5, #0\n mov r8, r5\n"
                         "1: ldm r1!, {r6}\n"
                         PAIR("sxtb r4, r6\n", "lsls r4, r6, #16\n asrs r4, r4, #24\n")
                         PAIR("lsls r4, r6, #8\n asrs r4, r4, #24\n", "asrs r4, r6, #24\n")
                         "cmp r0, r12\n"
                         "bne 1b\n"
                         "lsls r3, r5, #16\n mov r2, r8\n subs r2, r2, r3\n"
                         : "+r"(r0), "+r"(r1), "=r"(r2), "=r"(r5)
                         : "r"(r12)
                         : "r3", "r4", "r6", "r8", "cc", "memory");
        sums[channel][0] = r2;
        sums[channel][1] = r5;
    }
}
#else
/* Before the shift, 2^15 takes the place of what was borrowed. */
#define PAIR(all, high, w0, w1)                                                 \
    product = (uint32_t)x[0] * (uint32_t)(w0) + (uint32_t)x[1] * (uint32_t)(w1); \
    all += product;                                                             \
    high += (uint32_t)((int32_t)(product + 0x8000u) >> 16);
EDGEKWS_NOINLINE static void dot(const int32_t *x, const int32_t *end, const int8_t *weights, uint32_t row,
                                 int32_t sums[2][2])
{
    const int8_t *second = weights + row;
    uint32_t all0 = 0, all1 = 0, high0 = 0, high1 = 0, product;
    for (; x != end; x += 2, weights += 4, second += 4) {
        PAIR(all0, high0, weights[0], weights[1])
        PAIR(all1, high1, second[0], second[1])
        x += 2;
        PAIR(all0, high0, weights[2], weights[3])
        PAIR(all1, high1, second[2], second[3])
    }
    sums[0][0] = (int32_t)(all0 - (high0 << 16)), sums[0][1] = (int32_t)high0;
    sums[1][0] = (int32_t)(all1 - (high1 << 16)), sums[1][1] = (int32_t)high1;
}
#endif

static inline void keep(int32_t *maximum, int32_t sum)
{
    if (sum > *maximum) *maximum = sum;
}

void edgekws_convolve_packed(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                             uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels, row = (run + 3) & ~3u, positions = outputs * pool;
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels, channels = stage->out_channels;
    int32_t *packed = scratch->words, *maxima = packed + row, *first = maxima;
    for (uint32_t i = 0; i < outputs * channels; i++) maxima[i] = INT32_MIN;
    for (uint32_t i = run; i < row; i++) packed[i] = 0;
    uint32_t at = 0; /* of the pool under way */
    for (uint32_t p = 0; p < positions; p += 2, in += 2 * step) {
        const bool both = p + 1 < positions; /* else the second is the first again, and does not count */
        const edgekws_value *other = both ? in + step : in;
        for (uint32_t i = 0; i < run; i++) packed[i] = (int32_t)(((uint32_t)other[i] << 16) + (uint32_t)in[i]);
        int32_t *second = both && at + 1 == pool ? first + channels : first; /* maxima of the second position's output */
        const int8_t *weights = stage->weights;
        for (uint32_t channel = 0; channel < channels; channel += 2, weights += 2 * row) {
            int32_t sums[2][2];
            dot(packed, packed + row, weights, row, sums);
            keep(first + channel, sums[0][0]);
            keep(second + channel, sums[0][1]);
            if (channel + 1 == channels) break;
            keep(first + channel + 1, sums[1][0]);
            keep(second + channel + 1, sums[1][1]);
        }
        for (at += 2; at >= pool; at -= pool) first += channels;
    }
    for (uint32_t j = 0; j < outputs; j++)
        for (uint32_t channel = 0; channel < channels; channel++)
            *out++ = edgekws_requantize(&stage->scaling, channel, *maxima++);
}
