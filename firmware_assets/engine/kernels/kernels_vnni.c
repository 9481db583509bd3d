/* Kernels for x86-64 with VNNI, either AVX-512's or AVX-VNNI. Values and weights are int8.
 *
 * VPDPBUSD multiplies pairs of bytes and adds the products in fours: four values' weights for 16 output channels meet four
 * activations side by side, broadcast. It takes activations from 0 to 255, so that 128 is added to all of them first, in a
 * copy, and the generator has taken 128 times the sum of the weights from the bias. A *row* is the sums of a position with
 * 16 channels: one register of AVX-512, or two. A tile keeps 12 rows, or 6, and loads the weights once for all of them.
 *
 * Weights: int8, (out_channels / 16, taps * in_channels / 4, 16, 4), both quotients rounded up, filled with zeros; so up
 * to three values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { BLOCK = 16, STEP = 4, VECTOR = 32 };

#if defined(__AVX512VNNI__) && !defined(EDGEKWS_VNNI_IN_HALVES) /* which tests the others anywhere */
enum { TILE = 12 };
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
typedef __m512i row;

static inline row row_of(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline row row_load(const void *from)
{
    return _mm512_loadu_si512(from);
}

static inline void row_store(int32_t *to, row sums)
{
    _mm512_storeu_si512(to, sums);
}

static inline row row_dot(row sums, row weights, int32_t values)
{
    return _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(values), weights);
}

static inline row row_max(row a, row b)
{
    return _mm512_max_epi32(a, b);
}

static inline row row_shifts(const int8_t *shift)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)shift));
}

static inline row row_add(row a, row b)
{
    return _mm512_add_epi32(a, b);
}

static inline row row_sub(row a, row b)
{
    return _mm512_sub_epi32(a, b);
}

static inline row row_left(row a, row by)
{
    return _mm512_sllv_epi32(a, by);
}

/* (a * b + 2^30) / 2^31 */
static inline row row_high_multiply(row a, row b)
{
    const row half = _mm512_set1_epi64(1 << 30);
    const row even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    const row odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
    return _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
}

/* a / 2^right, rounded, halves away from zero; `mask` is 2^right - 1 */
static inline row row_shift(row a, row right, row mask)
{
    const row threshold = _mm512_sub_epi32(_mm512_srli_epi32(mask, 1), _mm512_srai_epi32(a, 31));
    const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(a, mask), threshold);
    const row down = _mm512_srav_epi32(a, right);
    return _mm512_mask_add_epi32(down, up, down, _mm512_set1_epi32(1));
}

/* As int8, cut off at its ends. */
static inline __m128i row_narrow(row values)
{
    return _mm512_cvtsepi32_epi8(values);
}
#else
enum { TILE = 6 };
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
typedef struct {
    __m256i low, high;
} row;

#ifdef __AVXVNNI__
#define DOT _mm256_dpbusd_avx_epi32
#else
#define DOT _mm256_dpbusd_epi32
#endif

static inline row row_of(int32_t value)
{
    const row made = {_mm256_set1_epi32(value), _mm256_set1_epi32(value)};
    return made;
}

static inline row row_load(const void *from)
{
    const row made = {_mm256_loadu_si256(from), _mm256_loadu_si256((const __m256i *)from + 1)};
    return made;
}

static inline void row_store(int32_t *to, row sums)
{
    _mm256_storeu_si256((__m256i *)to, sums.low);
    _mm256_storeu_si256((__m256i *)to + 1, sums.high);
}

static inline row row_dot(row sums, row weights, int32_t values)
{
    const __m256i x = _mm256_set1_epi32(values);
    const row made = {DOT(sums.low, x, weights.low), DOT(sums.high, x, weights.high)};
    return made;
}

static inline row row_shifts(const int8_t *shift)
{
    const __m128i all = _mm_loadu_si128((const __m128i *)shift);
    const row made = {_mm256_cvtepi8_epi32(all), _mm256_cvtepi8_epi32(_mm_srli_si128(all, 8))};
    return made;
}

#define PAIR(name, operation)                                                                   \
    static inline row name(row a, row b)                                                        \
    {                                                                                           \
        const row made = {operation(a.low, b.low), operation(a.high, b.high)};                  \
        return made;                                                                            \
    }
PAIR(row_max, _mm256_max_epi32)
PAIR(row_add, _mm256_add_epi32)
PAIR(row_sub, _mm256_sub_epi32)
PAIR(row_left, _mm256_sllv_epi32)

/* (a * b + 2^30) / 2^31 */
static inline __m256i high_multiply(__m256i a, __m256i b)
{
    const __m256i half = _mm256_set1_epi64x(1 << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}
PAIR(row_high_multiply, high_multiply)

/* a / 2^right, rounded, halves away from zero; `mask` is 2^right - 1 */
static inline __m256i rounding_shift(__m256i a, __m256i right, __m256i mask)
{
    const __m256i threshold = _mm256_sub_epi32(_mm256_srli_epi32(mask, 1), _mm256_srai_epi32(a, 31));
    const __m256i up = _mm256_cmpgt_epi32(_mm256_and_si256(a, mask), threshold);
    return _mm256_sub_epi32(_mm256_srav_epi32(a, right), up);
}

static inline row row_shift(row a, row right, row mask)
{
    const row made = {rounding_shift(a.low, right.low, mask.low), rounding_shift(a.high, right.high, mask.high)};
    return made;
}

/* As int8, cut off at its ends. */
static inline __m128i row_narrow(row values)
{
    const __m256i packed = _mm256_packs_epi32(values.low, values.high);
    const __m256i ordered = _mm256_permute4x64_epi64(packed, _MM_SHUFFLE(3, 1, 2, 0));
    return _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
}
#endif

static inline int32_t four(const int8_t *in)
{
    int32_t values;
    memcpy(&values, in, sizeof values);
    return values;
}

/* Written out, since compilers keep an array of sums in memory. */
static void tile(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, int32_t *sums)
{
#define BEGIN(p) row sum##p = row_of(0);
#define ADD(p) sum##p = row_dot(sum##p, w, four(in + p * step));
#define END(p) row_store(sums + p * BLOCK, sum##p);
    EACH(BEGIN)
    for (; steps; steps--, in += STEP, weights += BLOCK * STEP) {
        const row w = row_load(weights);
        EACH(ADD)
    }
    EACH(END)
}

static void single(const int8_t *in, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    row sum = row_of(0);
    for (; steps; steps--, in += STEP, weights += BLOCK * STEP) sum = row_dot(sum, row_load(weights), four(in));
    row_store(sums, sum);
}

static void put(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                uint32_t pool)
{
    const edgekws_scaling *by = &stage->scaling;
    const row bias = row_load(by->bias + channel), multiplier = row_load(by->multiplier + channel);
    const row shift = row_shifts(by->shift + channel), zero = row_of(0), one = row_of(1);
    const row left = row_max(shift, zero), right = row_max(row_sub(zero, shift), zero);
    const row mask = row_sub(row_left(one, right), one), zero_point = row_of(by->zero_point);
    const __m128i minimum = _mm_set1_epi8((char)by->minimum);
    const uint32_t there = stage->out_channels - channel;
    for (; outputs; outputs--, out += stage->out_channels) {
        row sum = row_load(sums);
        sums += BLOCK;
        for (uint32_t p = 1; p < pool; p++, sums += BLOCK) sum = row_max(sum, row_load(sums));
        const row scaled = row_high_multiply(row_left(row_add(sum, bias), left), multiplier);
        const row value = row_add(row_shift(scaled, right, mask), zero_point);
        const __m128i values = _mm_max_epi8(row_narrow(value), minimum);
        if (there >= BLOCK)
            _mm_storeu_si128((__m128i *)out, values);
        else
            memcpy(out, &values, there);
    }
}

#include "edgekws_blocks.h"

/* The values plus 128; up to 31 more are read and written. */
static void shift_values(const int8_t *in, int8_t *out, size_t values)
{
    const __m256i half = _mm256_set1_epi8(INT8_MIN);
    for (size_t i = 0; i < values; i += VECTOR) {
        const __m256i signed_values = _mm256_loadu_si256((const __m256i *)(in + i));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_xor_si256(signed_values, half));
    }
}

void edgekws_convolve_vnni(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t steps = ((uint32_t)stage->taps * stage->in_channels + STEP - 1) / STEP;
    const uint32_t frames = (outputs * pool - 1) * stage->stride + stage->taps;
    int8_t *shifted = scratch->bytes + (size_t)outputs * pool * BLOCK * sizeof(int32_t);
    shift_values(in, shifted, (size_t)frames * stage->in_channels + STEP - 1);
    edgekws_convolve_blocks(stage, shifted, out, outputs, pool, scratch->words, steps, BLOCK * STEP);
}
