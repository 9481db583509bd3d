/* A *row* of 32-bit sums, one for each of 16 output channels, for kernels_vnni.c: a register of AVX-512, or two of AVX2 with
 * AVX-VNNI. TILE is how many positions a tile has, BLOCKS how many blocks of channels share it. */
#ifndef EDGEKWS_ROWS_H
#define EDGEKWS_ROWS_H

#include <immintrin.h>
#include <stdint.h>

#if defined(__AVX512VNNI__) && !defined(EDGEKWS_VNNI_IN_HALVES) /* which tests the others anywhere */
#define TILE 12
#define BLOCKS 2
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

static inline row row_dot(row sums, row values, row weights)
{
    return _mm512_dpbusd_epi32(sums, values, weights);
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

static inline row row_right(row a, row by)
{
    return _mm512_srav_epi32(a, by);
}

/* (a * b + c * 2^30) / 2^32, rounded down */
static inline row row_scale(row a, row b, row c)
{
    const row quarter = _mm512_set1_epi64(1 << 30);
    const row to_even = _mm512_mul_epi32(c, quarter), to_odd = _mm512_mul_epi32(_mm512_srli_epi64(c, 32), quarter);
    const row even = _mm512_add_epi64(_mm512_mul_epi32(a, b), to_even);
    const row odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), to_odd);
    return _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
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
#define TILE 6
#define BLOCKS 1
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

static inline row row_dot(row sums, row values, row weights)
{
    const row made = {DOT(sums.low, values.low, weights.low), DOT(sums.high, values.high, weights.high)};
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
PAIR(row_right, _mm256_srav_epi32)

/* (a * b + c * 2^30) / 2^32, rounded down */
static inline __m256i scale(__m256i a, __m256i b, __m256i c)
{
    const __m256i quarter = _mm256_set1_epi64x(1 << 30);
    const __m256i to_even = _mm256_mul_epi32(c, quarter), to_odd = _mm256_mul_epi32(_mm256_srli_epi64(c, 32), quarter);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), to_even);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), to_odd);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

static inline row row_scale(row a, row b, row c)
{
    const row made = {scale(a.low, b.low, c.low), scale(a.high, b.high, c.high)};
    return made;
}

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

#endif
