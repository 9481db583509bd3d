/* Kernels for x86-64 with VNNI, either AVX-512's or AVX-VNNI. Values and weights are int8.
 *
 * VPDPBUSD multiplies 32 pairs of bytes and adds the products in fours: four values' weights for eight output channels
 * meet four activations side by side, broadcast. It takes activations from 0 to 255, so that 128 is added to all of them
 * first, in a copy, and the generator has taken 128 times the sum of the weights from the bias. Six positions times 16 channels are
 * twelve sums of eight in twelve of the sixteen registers: eight loads for twelve VPDPBUSD.
 *
 * Weights: int8, (out_channels / 16, taps * in_channels / 4, 16, 4), both quotients rounded up, filled with zeros; so up
 * to three values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { BLOCK = 16, TILE = 6, STEP = 4 };

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#define DOT _mm256_dpbusd_epi32
#else
#define DOT _mm256_dpbusd_avx_epi32
#endif

static inline __m256i four(const int8_t *in)
{
    uint32_t values;
    memcpy(&values, in, sizeof values);
    return _mm256_set1_epi32((int32_t)values);
}

static inline __m256i load(const void *values)
{
    return _mm256_loadu_si256(values);
}

static inline void store(int32_t *sums, __m256i low, __m256i high)
{
    _mm256_storeu_si256((__m256i *)sums, low);
    _mm256_storeu_si256((__m256i *)(sums + 8), high);
}

/* Written out, since compilers keep an array of sums in memory. */
#define ADD(values, low, high)         \
    {                                  \
        const __m256i x = four(values); \
        low = DOT(low, x, w0);         \
        high = DOT(high, x, w1);       \
    }

static void tile(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    __m256i b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
    for (const int8_t *late = in + 3 * step; steps; steps--, in += STEP, late += STEP, weights += BLOCK * STEP) {
        const __m256i w0 = load(weights), w1 = load(weights + BLOCK * STEP / 2);
        ADD(in, a0, b0)
        ADD(in + step, a1, b1)
        ADD(in + 2 * step, a2, b2)
        ADD(late, a3, b3)
        ADD(late + step, a4, b4)
        ADD(late + 2 * step, a5, b5)
    }
    store(sums, a0, b0);
    store(sums + BLOCK, a1, b1);
    store(sums + 2 * BLOCK, a2, b2);
    store(sums + 3 * BLOCK, a3, b3);
    store(sums + 4 * BLOCK, a4, b4);
    store(sums + 5 * BLOCK, a5, b5);
}

static void single(const int8_t *in, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    __m256i low = _mm256_setzero_si256(), high = low;
    for (; steps; steps--, in += STEP, weights += BLOCK * STEP) {
        const __m256i w0 = load(weights), w1 = load(weights + BLOCK * STEP / 2);
        ADD(in, low, high)
    }
    store(sums, low, high);
}

typedef struct {
    __m256i bias, multiplier, left, right, mask, threshold;
} scale;

static inline scale scale_of(const edgekws_scaling *by, uint32_t channel)
{
    const __m256i shift = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(by->shift + channel)));
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    scale made;
    made.bias = load(by->bias + channel);
    made.multiplier = load(by->multiplier + channel);
    made.left = _mm256_max_epi32(shift, zero);
    made.right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
    made.mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, made.right), one);
    made.threshold = _mm256_srli_epi32(made.mask, 1);
    return made;
}

/* (a * b + 2^30) / 2^31 of the even lanes. */
static inline __m256i high_multiply(__m256i a, __m256i b)
{
    return _mm256_srli_epi64(_mm256_add_epi64(_mm256_mul_epi32(a, b), _mm256_set1_epi64x(1 << 30)), 31);
}

static inline __m256i scaled(__m256i sums, const scale *by)
{
    const __m256i biased = _mm256_sllv_epi32(_mm256_add_epi32(sums, by->bias), by->left);
    const __m256i even = high_multiply(biased, by->multiplier);
    const __m256i odd = high_multiply(_mm256_srli_epi64(biased, 32), _mm256_srli_epi64(by->multiplier, 32));
    const __m256i x = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    const __m256i threshold = _mm256_sub_epi32(by->threshold, _mm256_srai_epi32(x, 31)); /* halves away from zero */
    const __m256i up = _mm256_cmpgt_epi32(_mm256_and_si256(x, by->mask), threshold);
    return _mm256_sub_epi32(_mm256_srav_epi32(x, by->right), up);
}

static void put(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                uint32_t pool)
{
    const scale first = scale_of(&stage->scaling, channel), second = scale_of(&stage->scaling, channel + 8);
    const __m256i zero_point = _mm256_set1_epi16(stage->scaling.zero_point);
    const __m128i minimum = _mm_set1_epi8((char)stage->scaling.minimum);
    const uint32_t there = stage->out_channels - channel;
    for (; outputs; outputs--, out += stage->out_channels) {
        __m256i low = load(sums), high = load(sums + 8);
        sums += BLOCK;
        for (uint32_t p = 1; p < pool; p++, sums += BLOCK) {
            low = _mm256_max_epi32(low, load(sums));
            high = _mm256_max_epi32(high, load(sums + 8));
        }
        const __m256i packed = _mm256_packs_epi32(scaled(low, &first), scaled(high, &second));
        const __m256i ordered = _mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0));
        const __m256i value = _mm256_adds_epi16(ordered, zero_point);
        const __m128i narrow = _mm_packs_epi16(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
        const __m128i values = _mm_max_epi8(narrow, minimum);
        if (there >= BLOCK)
            _mm_storeu_si128((__m128i *)out, values);
        else
            memcpy(out, &values, there);
    }
}

#include "edgekws_blocks.h"

/* The values plus 128; up to 31 more are read and written. */
static void shift(const int8_t *in, int8_t *out, size_t values)
{
    const __m256i half = _mm256_set1_epi8(INT8_MIN);
    for (size_t i = 0; i < values; i += 32)
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_xor_si256(load(in + i), half));
}

void edgekws_convolve_vnni(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t steps = ((uint32_t)stage->taps * stage->in_channels + STEP - 1) / STEP;
    const uint32_t frames = (outputs * pool - 1) * stage->stride + stage->taps;
    int8_t *shifted = scratch->bytes + (size_t)outputs * pool * BLOCK * sizeof(int32_t);
    shift(in, shifted, (size_t)frames * stage->in_channels + STEP - 1);
    edgekws_convolve_blocks(stage, shifted, out, outputs, pool, scratch->words, steps, BLOCK * STEP);
}
