/* The reference kernels: plain C99, any width of value, any shape. What they compute, the fast ones compute too.
 * Weights: int8, (out_channels, taps * in_channels), so that every position is one dot product with a run of frames. */
#include "edgekws_kernels.h"

static int32_t dot(const edgekws_value *in, const int8_t *weights, uint32_t count)
{
    uint32_t sum = 0; /* unsigned: may wrap on the way and still end right */
    for (uint32_t i = 0; i < count; i++) sum += (uint32_t)(in[i] * weights[i]);
    return (int32_t)sum;
}

void edgekws_convolve_portable(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                               uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels;
    (void)scratch;
    for (; outputs; outputs--, in += pool * step) {
        const int8_t *weights = stage->weights;
        for (uint32_t channel = 0; channel < stage->out_channels; channel++, weights += run) {
            int32_t maximum = INT32_MIN;
            for (uint32_t position = 0; position < pool; position++) {
                const int32_t sum = dot(in + position * step, weights, run);
                if (sum > maximum) maximum = sum;
            }
            *out++ = edgekws_requantize(&stage->scaling, channel, maximum + stage->scaling.bias[channel]);
        }
    }
}

void edgekws_dense_portable(const edgekws_dense *dense, const void *weights, const edgekws_value *in, uint32_t values,
                            int32_t *sums)
{
    const int8_t *row = weights;
    for (uint32_t unit = 0; unit < dense->units; unit++, row += values)
        sums[unit] = (int32_t)((uint32_t)sums[unit] + (uint32_t)dot(in, row, values));
}
