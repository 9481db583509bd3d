/* Kernels for x86-64 with AVX2. Values are int16, weights are widened to int16.
 *
 * VPMADDWD multiplies 16 values and adds the products in pairs. Here a vector holds two input values' weights for eight
 * output channels; two activations side by side, broadcast, meet them. Six positions times 16 channels are twelve sums
 * of eight in twelve of the sixteen registers: eight loads for twelve VPMADDWD. */
#include "edgekws_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { BLOCK = 16, POSITIONS = 6, POINTS = 8, INVERSE_OF_45 = -1527099483 };

static inline __m256i pair(const int16_t *in)
{
    int32_t both;
    memcpy(&both, in, sizeof both);
    return _mm256_set1_epi32(both);
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

/* Sums of six positions with 16 channels, in rows of 16. `pairs` is half the values that a position sees. Written out,
 * since compilers keep an array of sums in memory. */
#define ADD(x, low, high)                                                                                              \
    low = _mm256_add_epi32(low, _mm256_madd_epi16(x, w0));                                                             \
    high = _mm256_add_epi32(high, _mm256_madd_epi16(x, w1))

static void tile(const int16_t *in, size_t step, const int16_t *weights, uint32_t pairs, int32_t *sums)
{
    __m256i a0 = _mm256_setzero_si256(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
    __m256i b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
    for (const int16_t *late = in + 3 * step; pairs; pairs--, in += 2, late += 2, weights += 2 * BLOCK) {
        const __m256i w0 = load(weights), w1 = load(weights + BLOCK);
        ADD(pair(in), a0, b0);
        ADD(pair(in + step), a1, b1);
        ADD(pair(in + 2 * step), a2, b2);
        ADD(pair(late), a3, b3);
        ADD(pair(late + step), a4, b4);
        ADD(pair(late + 2 * step), a5, b5);
    }
    store(sums, a0, b0);
    store(sums + BLOCK, a1, b1);
    store(sums + 2 * BLOCK, a2, b2);
    store(sums + 3 * BLOCK, a3, b3);
    store(sums + 4 * BLOCK, a4, b4);
    store(sums + 5 * BLOCK, a5, b5);
}

/* The same for one position. */
static void single(const int16_t *in, const int16_t *weights, uint32_t pairs, int32_t *sums)
{
    __m256i low = _mm256_setzero_si256(), high = low;
    for (; pairs; pairs--, in += 2, weights += 2 * BLOCK) {
        const __m256i w0 = load(weights), w1 = load(weights + BLOCK);
        ADD(pair(in), low, high);
    }
    store(sums, low, high);
}

/* The same for any number of positions. */
static void multiply(const int16_t *in, size_t step, const int16_t *weights, uint32_t pairs, int32_t *sums,
                     uint32_t positions)
{
    if (positions < POSITIONS) {
        for (; positions; positions--, in += step, sums += BLOCK) single(in, weights, pairs, sums);
    } else {
        for (uint32_t p = 0; p < positions; p += POSITIONS) { /* the last ones may overlap those before */
            const uint32_t first = p + POSITIONS <= positions ? p : positions - POSITIONS;
            tile(in + first * step, step, weights, pairs, sums + first * BLOCK);
        }
    }
}

/* For eight channels, where ReLU cuts negative results off: both roundings of TensorFlow Lite in one, exactly, since
 * floor((floor((ab + 2^30) / 2^31) + 2^(n-1)) / 2^n) = floor((ab + 2^30 + 2^(n+30)) / 2^(n+31)).
 * Products are of 64 bits; the even and the odd lanes go apart. */
typedef struct {
    __m256i bias, even, odd, even_rounding, odd_rounding, even_shift, odd_shift;
} scale;

static inline __m256i rounding(__m256i shift)
{
    const __m256i half = _mm256_srli_epi64(_mm256_sllv_epi64(_mm256_set1_epi64x(1), shift), 1);
    return _mm256_add_epi64(_mm256_set1_epi64x(1 << 30), _mm256_slli_epi64(half, 31));
}

static inline scale scale_of(const edgekws_scaling *scaling, uint32_t channel)
{
    const __m256i shift = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(scaling->shift + channel)));
    const __m256i right = _mm256_sub_epi32(_mm256_setzero_si256(), shift), by_31 = _mm256_set1_epi64x(31);
    const __m256i even = _mm256_blend_epi32(right, _mm256_setzero_si256(), 0xAA), odd = _mm256_srli_epi64(right, 32);
    scale made;
    made.bias = load(scaling->bias + channel);
    made.even = load(scaling->multiplier + channel);
    made.odd = _mm256_srli_epi64(made.even, 32);
    made.even_rounding = rounding(even);
    made.odd_rounding = rounding(odd);
    made.even_shift = _mm256_add_epi64(even, by_31);
    made.odd_shift = _mm256_add_epi64(odd, by_31);
    return made;
}

/* 0 ... 255 */
static inline __m256i scaled(__m256i sums, const scale *by)
{
    const __m256i biased = _mm256_max_epi32(_mm256_add_epi32(sums, by->bias), _mm256_setzero_si256());
    const __m256i even = _mm256_add_epi64(_mm256_mul_epu32(biased, by->even), by->even_rounding);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(biased, 32), by->odd), by->odd_rounding);
    const __m256i both = _mm256_blend_epi32(_mm256_srlv_epi64(even, by->even_shift),
                                            _mm256_slli_epi64(_mm256_srlv_epi64(odd, by->odd_shift), 32), 0xAA);
    return _mm256_min_epi32(both, _mm256_set1_epi32(255));
}

/* x / 360 where that leaves no rest: of an odd factor, the inverse modulo 2^32 divides. */
static inline __m256i divided_by_360(__m256i x)
{
    return _mm256_mullo_epi32(_mm256_srai_epi32(x, 3), _mm256_set1_epi32(INVERSE_OF_45));
}

/* The maxima over each pool, scaled: 16 channels, of which `channels` exist. */
static inline void requantize(const edgekws_stage *stage, uint32_t block, const int32_t *sums, edgekws_value *out,
                              uint32_t outputs, uint32_t pool, bool times_360)
{
    const scale low = scale_of(&stage->scaling, block), high = scale_of(&stage->scaling, block + 8);
    const uint32_t channels = stage->out_channels - block;
    for (out += block; outputs; outputs--, out += stage->out_channels) {
        __m256i first = _mm256_set1_epi32(INT32_MIN), second = first;
        for (uint32_t p = 0; p < pool; p++, sums += BLOCK) {
            first = _mm256_max_epi32(first, load(sums));
            second = _mm256_max_epi32(second, load(sums + 8));
        }
        if (times_360) {
            first = divided_by_360(first);
            second = divided_by_360(second);
        }
        const __m256i packed = _mm256_packs_epi32(scaled(first, &low), scaled(second, &high));
        const __m256i ordered = _mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0));
        const __m256i values = _mm256_sub_epi16(ordered, _mm256_set1_epi16(128));
        if (channels >= BLOCK)
            _mm256_storeu_si256((__m256i *)out, values);
        else
            memcpy(out, &values, channels * sizeof *out);
    }
}

/* The same for any zero point, activation and shift. */
static void requantize_any(const edgekws_stage *stage, uint32_t block, const int32_t *sums, edgekws_value *out,
                           uint32_t outputs, uint32_t pool)
{
    const uint32_t left = stage->out_channels - block, channels = left < BLOCK ? left : BLOCK;
    for (out += block; outputs; outputs--, out += stage->out_channels, sums += BLOCK * pool) {
        for (uint32_t channel = 0; channel < channels; channel++) {
            int32_t maximum = sums[channel];
            for (uint32_t p = 1; p < pool; p++)
                if (sums[p * BLOCK + channel] > maximum) maximum = sums[p * BLOCK + channel];
            out[channel] = edgekws_requantize(&stage->scaling, block + channel, maximum);
        }
    }
}

/* Weights: int16, (out_channels / 16, taps * in_channels / 2, 16, 2), both quotients rounded up, filled with zeros. */
static inline void convolve(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                            uint32_t pool, int32_t *sums, bool any)
{
    const uint32_t pairs = ((uint32_t)stage->taps * stage->in_channels + 1) / 2, positions = outputs * pool;
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels;
    const int16_t *weights = stage->weights;
    for (uint32_t block = 0; block < stage->out_channels; block += BLOCK, weights += pairs * 2 * BLOCK) {
        multiply(in, step, weights, pairs, sums, positions);
        if (any)
            requantize_any(stage, block, sums, out, outputs, pool);
        else
            requantize(stage, block, sums, out, outputs, pool, false);
    }
}

void edgekws_convolve_avx2(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    convolve(stage, in, out, outputs, pool, scratch->words, false);
}

void edgekws_convolve_avx2_any(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                               uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    convolve(stage, in, out, outputs, pool, scratch->words, true);
}

/* Toom-Cook F(4, 5): five taps, stride 1, a multiple of 16 channels in, ReLU as above, shown not to overflow.
 *
 * Four neighbouring outputs of a filter of five taps are coefficients of a product of polynomials, which eight points
 * determine: 0, 1, -1, 2, -2, 1/2, -1/2 and infinity. So the frames and the weights are evaluated at the points
 * (`evaluate`, by the table in kernels_dsp_fast.c; the weights' values come from the generator), multiplied point by
 * point (eight multiplications a channel in place of twenty, by the tile above), and what results is interpolated. All
 * in integers, so that all sums come times 360. They count modulo 2^32, so only the result has to fit; the generator
 * proves it.
 *
 * Weights: int16, (out_channels / 16, 8, in_channels / 2, 16, 2). */

#define PLUS(a, b) _mm256_add_epi16(a, b)
#define MINUS(a, b) _mm256_sub_epi16(a, b)
#define TIMES(factor, a) _mm256_mullo_epi16(_mm256_set1_epi16(factor), a)

/* The first of four positions; the last four may overlap those before. */
static inline uint32_t first_of(uint32_t four, uint32_t positions)
{
    return 4 * four + 4 <= positions ? 4 * four : positions - 4;
}

/* Frames (positions + 4, channels) to values at the points (8, fours, channels). */
static void evaluate(const edgekws_value *frames, uint32_t channels, uint32_t positions, uint32_t fours, int16_t *out)
{
    const size_t point = (size_t)fours * channels;
    for (uint32_t four = 0; four < fours; four++) {
        const edgekws_value *in = frames + first_of(four, positions) * channels;
        for (const edgekws_value *end = in + channels; in < end; in += BLOCK, out += BLOCK) {
            const __m256i d1 = load(in + channels), d2 = load(in + 2 * channels), d3 = load(in + 3 * channels);
            const __m256i d4 = load(in + 4 * channels), d5 = load(in + 5 * channels), d6 = load(in + 6 * channels);
            const __m256i zero = PLUS(TIMES(4, MINUS(d6, load(in))), TIMES(21, MINUS(d2, d4)));
            const __m256i infinity = PLUS(TIMES(4, MINUS(load(in + 7 * channels), d1)), TIMES(21, MINUS(d3, d5)));
            const __m256i even1 = MINUS(TIMES(4, PLUS(d2, d6)), TIMES(17, d4));
            const __m256i odd1 = MINUS(TIMES(4, PLUS(d1, d5)), TIMES(17, d3));
            const __m256i even2 = PLUS(MINUS(d2, TIMES(5, d4)), TIMES(4, d6));
            const __m256i odd2 = PLUS(MINUS(TIMES(2, d1), TIMES(10, d3)), TIMES(8, d5));
            const __m256i even_half = PLUS(MINUS(TIMES(8, d2), TIMES(10, d4)), TIMES(2, d6));
            const __m256i odd_half = PLUS(MINUS(TIMES(4, d1), TIMES(5, d3)), d5);
            const __m256i values[POINTS] = {zero,
                                            PLUS(even1, odd1),
                                            MINUS(even1, odd1),
                                            PLUS(even2, odd2),
                                            MINUS(even2, odd2),
                                            PLUS(even_half, odd_half),
                                            MINUS(even_half, odd_half),
                                            infinity};
            for (size_t i = 0; i < POINTS; i++) _mm256_storeu_si256((__m256i *)(out + i * point), values[i]);
        }
    }
}

static inline __m256i sum(__m256i a, __m256i b)
{
    return _mm256_add_epi32(a, b);
}

static inline __m256i shifted(__m256i a, int left)
{
    return _mm256_slli_epi32(a, left);
}

/* Products (8, fours, 16) to sums (positions, 16), times 360. */
static void interpolate(const int32_t *products, uint32_t fours, int32_t *all, uint32_t positions)
{
    const size_t point = (size_t)fours * BLOCK;
    for (uint32_t eight = 0; eight < 2 * fours; eight++, products += 8) {
        int32_t *sums = all + first_of(eight / 2, positions) * BLOCK + eight % 2 * 8;
        __m256i m[POINTS];
        for (size_t i = 0; i < POINTS; i++) m[i] = load(products + i * point);
        const __m256i even1 = sum(m[1], m[2]), odd1 = _mm256_sub_epi32(m[1], m[2]);
        const __m256i even2 = sum(m[3], m[4]), odd2 = _mm256_sub_epi32(m[3], m[4]);
        const __m256i even_half = sum(m[5], m[6]), odd_half = _mm256_sub_epi32(m[5], m[6]);
        const __m256i y0 = sum(sum(m[0], even1), sum(even2, shifted(even_half, 3)));
        const __m256i y1 = sum(odd1, sum(shifted(odd2, 1), shifted(odd_half, 2)));
        const __m256i y2 = sum(even1, sum(shifted(even2, 2), shifted(even_half, 1)));
        const __m256i y3 = sum(sum(m[7], odd1), sum(shifted(odd2, 3), odd_half));
        _mm256_storeu_si256((__m256i *)sums, y0);
        _mm256_storeu_si256((__m256i *)(sums + BLOCK), y1);
        _mm256_storeu_si256((__m256i *)(sums + 2 * BLOCK), y2);
        _mm256_storeu_si256((__m256i *)(sums + 3 * BLOCK), y3);
    }
}

void edgekws_convolve_avx2_toom_cook(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                     uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t channels = stage->in_channels, wanted = outputs * pool, positions = wanted < 4 ? 4 : wanted;
    const uint32_t fours = (positions + 3) / 4;
    const int16_t *weights = stage->weights;
    int16_t *padded = scratch->halves, *values = padded + 8 * channels;
    int32_t *products = scratch->words + (fours + 1) * 4 * channels, *sums = products + POINTS * fours * BLOCK;
    if (wanted < 4) { /* four positions see eight frames */
        memcpy(padded, in, (wanted + 4) * channels * sizeof *in);
        memset(padded + (wanted + 4) * channels, 0, (4 - wanted) * channels * sizeof *in);
        in = padded;
    }
    evaluate(in, channels, positions, fours, values);
    for (uint32_t block = 0; block < stage->out_channels; block += BLOCK) {
        for (uint32_t i = 0; i < POINTS; i++, weights += channels * BLOCK)
            multiply(values + i * fours * channels, channels, weights, channels / 2, products + i * fours * BLOCK, fours);
        interpolate(products, fours, sums, positions);
        requantize(stage, block, sums, out, outputs, pool, true);
    }
}
