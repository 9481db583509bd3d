/* Shared by the scheduler (edgekws_*.c), the generated model (edgekws_model.c) and the kernels (kernels_*.c).
 *
 * A *stage* is one convolution and the max pool after it, if there is one. It reads frames (in_channels values of one
 * point in time) and writes frames of out_channels values. The scheduler keeps the last frames of its input side by side
 * in memory, and calls the stage's kernel when they are enough for a group of outputs.
 */
#ifndef EDGEKWS_KERNELS_H
#define EDGEKWS_KERNELS_H

#include "edgekws.h"

typedef struct edgekws_stage edgekws_stage;
typedef struct edgekws_dense edgekws_dense;

/* Computes `outputs` output frames, each the maximum over `pool` convolution positions:
 *
 *     sum(p, c) = the sum over i < taps * in_channels of in[p * stride * in_channels + i] * weight(c, i)
 *     out[j, c] = requantize(c, maximum of sum(p, c) over j * pool <= p < (j + 1) * pool)
 *
 * in:  ((outputs * pool - 1) * stride + taps, in_channels) values, of which position p sees a run of taps * in_channels.
 * out: (outputs, out_channels) values; does not overlap `in`.
 * outputs is at most stage->group; pool is stage->pool, or smaller for a clipped first or last output, and at least 1.
 * The maximum before requantising is exact: requantising is monotone, and two thirds of the work is saved.
 * The input's zero point is in the bias, and padding frames hold it, so that they add exactly nothing. */
typedef void edgekws_stage_kernel(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                  uint32_t outputs, uint32_t pool, edgekws_scratch *scratch);

/* sums[o] += sum over i < values of in[i] * weight(o, i), modulo 2^32. */
typedef void edgekws_dense_kernel(const edgekws_dense *dense, const void *weights, const edgekws_value *in,
                                  uint32_t values, int32_t *sums);

/* Turns int32 sums into int8 values. There is one entry for each channel, or one for all if per_channel is 0. */
typedef struct {
    /* NULL if the kernel has these three among its weights: */
    const int32_t *bias; /* always one a channel; includes -(the input's zero point) * (sum of weights) */
    const int32_t *multiplier;
    const int8_t *shift; /* as in TensorFlow Lite: negative to the right */
    int16_t zero_point;  /* of the output */
    int16_t minimum;     /* the zero point after ReLU, else -128 */
    uint8_t per_channel;
} edgekws_scaling;

struct edgekws_stage {
    edgekws_stage_kernel *kernel;
    const void *weights; /* in the kernel's own layout */
    edgekws_scaling scaling;
    uint16_t in_channels, out_channels, taps, stride;
    /* For the scheduler: */
    uint16_t pool;       /* convolution positions an output */
    uint16_t first_pool; /* of the first output: fewer if padding takes a part */
    uint16_t last_pool;
    uint16_t group;        /* outputs a call */
    uint16_t pad_before;   /* frames of padding before the window */
    int16_t padding;       /* their value: the input's zero point */
    uint32_t outputs;      /* in a window */
    uint32_t work;         /* of a call, in the generator's units */
    uint32_t buffer;       /* where the input frames lie in edgekws_state.buffers */
};

struct edgekws_dense {
    edgekws_dense_kernel *kernel;
    const void *weights; /* frame by frame: (frames, units, values) in the kernel's own layout */
    edgekws_scaling scaling;
    uint32_t units, frames, values; /* values a frame */
    uint32_t frame_bytes;           /* of weights */
};

extern const edgekws_stage edgekws_stages[EDGEKWS_STAGES];
extern const edgekws_dense edgekws_dense_layers[EDGEKWS_DENSE_LAYERS];
#if EDGEKWS_EXPONENTIALS
extern const int32_t edgekws_exponentials[EDGEKWS_EXPONENTIALS]; /* see edgekws_classify.c */
#endif

#ifdef __GNUC__
/* For constants that kernels load several of at a time. */
#ifdef __AVX512F__
#define EDGEKWS_ALIGNED __attribute__((aligned(64)))
#else
#define EDGEKWS_ALIGNED __attribute__((aligned(16)))
#endif
#define EDGEKWS_NOINLINE __attribute__((noinline))
#else
#define EDGEKWS_ALIGNED
#define EDGEKWS_NOINLINE
#endif

/* a * b / 2^31, rounded to nearest, halves up: the rounding doubling high multiply of TensorFlow Lite. */
static inline int32_t edgekws_high_multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest, halves away from zero. */
static inline int32_t edgekws_rounding_shift(int32_t x, int exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* Bias, TensorFlow Lite's MultiplyByQuantizedMultiplier with its two roundings, zero point and clamp. */
static inline edgekws_value edgekws_requantize(const edgekws_scaling *scaling, uint32_t channel, int32_t sum)
{
    const uint32_t i = scaling->per_channel ? channel : 0;
    const int shift = scaling->shift[i];
    const uint32_t biased = ((uint32_t)sum + (uint32_t)scaling->bias[channel]) << (shift > 0 ? shift : 0);
    const int32_t scaled = edgekws_high_multiply((int32_t)biased, scaling->multiplier[i]);
    const int32_t value = edgekws_rounding_shift(scaled, shift < 0 ? -shift : 0) + scaling->zero_point;
    return (edgekws_value)(value < scaling->minimum ? scaling->minimum : value > 127 ? 127 : value);
}

/* From the sums of the first dense layer to the scores: the other dense layers and the softmax.
 * `hidden` has room for the largest hidden layer; `sums` for the largest layer. */
void edgekws_classify(int32_t *sums, edgekws_value *hidden, int8_t *scores);

/* Tests see every stage's output through this; it costs nothing if EDGEKWS_TRACE is not defined. */
#ifdef EDGEKWS_TRACE
void edgekws_trace(uint32_t stage, const edgekws_value *frames, uint32_t values);
#endif

edgekws_stage_kernel edgekws_convolve_portable;
edgekws_dense_kernel edgekws_dense_portable;
edgekws_stage_kernel edgekws_convolve_dsp_1, edgekws_convolve_dsp_3, edgekws_convolve_dsp_5;
edgekws_stage_kernel edgekws_convolve_dsp_1_narrow, edgekws_convolve_dsp_3_narrow, edgekws_convolve_dsp_5_narrow;
edgekws_stage_kernel edgekws_convolve_mve, edgekws_convolve_mve_samples, edgekws_convolve_mve_run;
edgekws_stage_kernel edgekws_convolve_mve_16x5, edgekws_convolve_mve_32x5, edgekws_convolve_mve_48x5;
edgekws_stage_kernel edgekws_convolve_mve_64x5, edgekws_convolve_mve_96x5, edgekws_convolve_mve_128x5;
edgekws_stage_kernel edgekws_convolve_mve_64x3, edgekws_convolve_mve_128x3;
edgekws_dense_kernel edgekws_dense_mve;
edgekws_stage_kernel edgekws_convolve_avx2, edgekws_convolve_avx2_any, edgekws_convolve_avx2_toom_cook;
edgekws_stage_kernel edgekws_convolve_dsp_samples;
edgekws_stage_kernel edgekws_convolve_dsp_fast;
edgekws_stage_kernel edgekws_convolve_packed;
edgekws_stage_kernel edgekws_convolve_neon;
edgekws_stage_kernel edgekws_convolve_wasm;
edgekws_stage_kernel edgekws_convolve_vnni, edgekws_convolve_vnni_relu;

#endif
