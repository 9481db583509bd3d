/* What the kernels for Cortex-M4, M7 and M33 share: a few instructions of the DSP extension, and requantising.
 *
 * Values are int16, two to a register; SMLAD multiplies both halves and adds: two multiply-accumulates. Where the
 * extension is missing plain C computes the same, slowly, so that -DEDGEKWS_DSP_IN_C tests these kernels anywhere. */
#ifndef EDGEKWS_DSP_H
#define EDGEKWS_DSP_H

#include "edgekws_kernels.h"

#include <string.h>

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && defined(__thumb2__)
#define EDGEKWS_DSP_ASM 1
#define EDGEKWS_INLINE static inline __attribute__((always_inline))
#else
#define EDGEKWS_DSP_ASM 0
#define EDGEKWS_INLINE static inline
#endif

/* Of one channel: the bias doubled, the multiplier, 2^(shift - 1) + zero point * 2^shift, the shift to the right. */
typedef struct {
    int32_t bias, multiplier, offset, shift;
} edgekws_dsp_channel;

/* Two int16 values side by side, the first in the lower half. */
EDGEKWS_INLINE uint32_t edgekws_dsp_pair(const edgekws_value *in)
{
    uint32_t pair;
    memcpy(&pair, in, sizeof pair);
    return pair;
}

/* sum + the products of the lower and of the upper halves, modulo 2^32. */
EDGEKWS_INLINE int32_t edgekws_dsp_multiply(uint32_t a, uint32_t b, int32_t sum)
{
#if EDGEKWS_DSP_ASM
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    const int32_t low = (int16_t)(a & 0xFFFF) * (int16_t)(b & 0xFFFF);
    const int32_t high = (int16_t)(a >> 16) * (int16_t)(b >> 16);
    return (int32_t)((uint32_t)sum + (uint32_t)low + (uint32_t)high);
#endif
}

/* Sums and differences of pairs, each half modulo 2^16. */
EDGEKWS_INLINE uint32_t edgekws_dsp_add(uint32_t a, uint32_t b)
{
#if EDGEKWS_DSP_ASM
    uint32_t result;
    __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return ((a + b) & 0xFFFF) | ((a >> 16) + (b >> 16)) << 16;
#endif
}

EDGEKWS_INLINE uint32_t edgekws_dsp_subtract(uint32_t a, uint32_t b)
{
#if EDGEKWS_DSP_ASM
    uint32_t result;
    __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
#else
    return ((a - b) & 0xFFFF) | ((a >> 16) - (b >> 16)) << 16;
#endif
}

/* The values of bytes 0 and 2 as a pair. */
EDGEKWS_INLINE uint32_t edgekws_dsp_widen(uint32_t bytes)
{
    return (uint16_t)(int8_t)(bytes & 0xFF) | (uint32_t)(int8_t)(bytes >> 16 & 0xFF) << 16;
}

/* From a sum with bias, doubled, to the value, for a zero point and minimum of -128: TensorFlow Lite's
 * MultiplyByQuantizedMultiplier with its two roundings, then ReLU.
 *
 * sum * multiplier / 2^31, rounded, is SMMULR of twice the sum; the A in SMMLAR adds `offset` in the same instruction.
 * The second rounding of TensorFlow Lite takes halves away from zero, this one up: they differ for negative values
 * alone, and from these ReLU makes the zero point either way. */
EDGEKWS_INLINE int32_t edgekws_dsp_relu(int32_t twice, const edgekws_dsp_channel *channel)
{
    int32_t value;
#if EDGEKWS_DSP_ASM
    __asm__("smmlar %0, %1, %2, %3\n\t"
            "asr %0, %0, %4\n\t"
            "ssat %0, #8, %0"
            : "=&r"(value)
            : "r"(twice), "r"(channel->multiplier), "r"(channel->offset), "r"(channel->shift)
            : "cc");
#else
    value = (int32_t)(((int64_t)twice * channel->multiplier + (INT64_C(1) << 31)) >> 32);
    value = (value + channel->offset) >> channel->shift;
    value = value < -128 ? -128 : value > 127 ? 127 : value;
#endif
    return value;
}

EDGEKWS_INLINE int32_t edgekws_dsp_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Whether edgekws_dsp_relu may be used. */
EDGEKWS_INLINE bool edgekws_dsp_is_relu(const edgekws_stage *stage)
{
    return stage->scaling.zero_point == -128 && stage->scaling.minimum == -128;
}

/* The outputs of one channel from the sums of its positions, for any zero point and minimum. */
EDGEKWS_NOINLINE static void edgekws_dsp_put_any(const edgekws_stage *stage, uint32_t c, const int32_t *sums,
                                                 edgekws_value *out, uint32_t outputs, uint32_t pool)
{
    for (; outputs; outputs--, out += stage->out_channels) {
        int32_t sum = *sums++;
        for (uint32_t p = 1; p < pool; p++, sums++) sum = edgekws_dsp_larger(sum, *sums);
        out[c] = edgekws_requantize(&stage->scaling, c, sum);
    }
}

/* The same for those of ReLU; inlined, with the usual pools known to the compiler. */
EDGEKWS_INLINE void edgekws_dsp_put_relu(const edgekws_dsp_channel *channel, uint32_t step, const int32_t *sums,
                                         edgekws_value *out, uint32_t outputs, uint32_t pool)
{
    const edgekws_dsp_channel constants = *channel;
    for (const int32_t *end = sums + outputs * pool; sums != end; sums += pool, out += step) {
        int32_t sum = sums[0];
        for (uint32_t p = 1; p < pool; p++) sum = edgekws_dsp_larger(sum, sums[p]);
        *out = (edgekws_value)edgekws_dsp_relu(constants.bias + sum * 2, &constants);
    }
}

EDGEKWS_INLINE void edgekws_dsp_put(const edgekws_stage *stage, uint32_t c, const edgekws_dsp_channel *channel,
                                    const int32_t *sums, edgekws_value *out, uint32_t outputs, uint32_t pool)
{
    if (!edgekws_dsp_is_relu(stage))
        edgekws_dsp_put_any(stage, c, sums, out, outputs, pool);
    else if (pool == 3)
        edgekws_dsp_put_relu(channel, stage->out_channels, sums, out + c, outputs, 3);
    else if (pool == 1)
        edgekws_dsp_put_relu(channel, stage->out_channels, sums, out + c, outputs, 1);
    else
        edgekws_dsp_put_relu(channel, stage->out_channels, sums, out + c, outputs, pool);
}

#endif
