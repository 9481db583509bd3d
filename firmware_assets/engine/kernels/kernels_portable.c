/* The reference kernels: plain C99, any width of value, any shape. The fast kernels compute the same.
 *
 * Weights: int8, (out_channels, taps * in_channels). The frames that a position sees lie side by side, so that every sum
 * is one dot product. Two channels are summed at a time: each value is loaded once for both, and all that this takes
 * fits the eight registers that the smallest cores can use freely. */
#include "edgekws_kernels.h"

/* The dot products of `in` with the rows at `first` and at `first + row`, modulo 2^32. Out of line: within a larger
 * function the small cores run out of registers. */
EDGEKWS_NOINLINE static void dot_two(const edgekws_value *in, const int8_t *first, uint32_t row, uint32_t count,
                                     int32_t sums[2])
{
    const int8_t *second = first + row;
    uint32_t sum1 = 0, sum2 = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t value = in[i];
        sum1 += (uint32_t)(value * first[i]);
        sum2 += (uint32_t)(value * second[i]);
    }
    sums[0] = (int32_t)sum1;
    sums[1] = (int32_t)sum2;
}

void edgekws_convolve_portable(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                               uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels;
    const uint32_t channels = stage->out_channels;
    (void)scratch;
    for (; outputs; outputs--, in += pool * step, out += channels) {
        const int8_t *weights = stage->weights;
        for (uint32_t channel = 0; channel < channels; channel += 2, weights += 2 * run) {
            const bool odd = channel + 1 == channels; /* the last of an odd number is paired with itself */
            int32_t sums[2], maxima[2] = {INT32_MIN, INT32_MIN};
            for (uint32_t position = 0; position < pool; position++) {
                dot_two(in + position * step, weights, odd ? 0 : run, run, sums);
                if (sums[0] > maxima[0]) maxima[0] = sums[0];
                if (sums[1] > maxima[1]) maxima[1] = sums[1];
            }
            out[channel] = edgekws_requantize(&stage->scaling, channel, maxima[0]);
            if (!odd) out[channel + 1] = edgekws_requantize(&stage->scaling, channel + 1, maxima[1]);
        }
    }
}

void edgekws_dense_portable(const edgekws_dense *dense, const void *weights, const edgekws_value *in, uint32_t values,
                            int32_t *sums)
{
    const int8_t *row = weights;
    for (uint32_t unit = 0; unit < dense->units; unit += 2, row += 2 * values) {
        const bool odd = unit + 1 == dense->units;
        int32_t products[2];
        dot_two(in, row, odd ? 0 : values, values, products);
        sums[unit] = (int32_t)((uint32_t)sums[unit] + (uint32_t)products[0]);
        if (!odd) sums[unit + 1] = (int32_t)((uint32_t)sums[unit + 1] + (uint32_t)products[1]);
    }
}
