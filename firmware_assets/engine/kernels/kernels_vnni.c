/* Kernels for x86-64 with VNNI, either AVX-512's or AVX-VNNI. Values and weights are int8.
 *
 * VPDPBUSD multiplies pairs of bytes and adds the products in fours: four values' weights for 16 output channels meet four
 * activations side by side, broadcast. It takes activations from 0 to 255, so that 128 is added to all of them first, in a
 * copy, and the generator has taken 128 times the sum of the weights from the bias. A *row* is the sums of a position with
 * 16 channels: one register of AVX-512, or two. A tile keeps the rows of 12 positions, or 6, and loads the weights once for
 * all of them. With the 32 registers of AVX-512 it does so for two blocks of channels, which share each broadcast: else
 * loads would be the limit, not products.
 *
 * Weights: int8, (out_channels / 16, taps * in_channels / 4, 16, 4), both quotients rounded up, filled with zeros; so up
 * to three values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { BLOCK = 16, STEP = 4, VECTOR = 32 };

#if defined(__AVX512VNNI__) && !defined(EDGEKWS_VNNI_IN_HALVES) /* which tests the others anywhere */
enum { TILE = 12, BLOCKS = 2 };
#define EACH_THIRD(DO) DO(0) DO(3) DO(6) DO(9)
#define EACH(DO)                                            \
    DO(0, in0) DO(1, in0 + step) DO(2, in0 + 2 * step)      \
    DO(3, in3) DO(4, in3 + step) DO(5, in3 + 2 * step)      \
    DO(6, in6) DO(7, in6 + step) DO(8, in6 + 2 * step)      \
    DO(9, in9) DO(10, in9 + step) DO(11, in9 + 2 * step)
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

/* (a * b + 2^31) / 2^32 + offset, of unsigned a and b */
static inline row row_scale(row a, row b, row offset)
{
    const row half = _mm512_set1_epi64(INT64_C(1) << 31);
    const row to_even = _mm512_or_si512(_mm512_slli_epi64(offset, 32), half);
    const row to_odd = _mm512_mask_blend_epi32(0xAAAA, half, offset);
    const row even = _mm512_add_epi64(_mm512_mul_epu32(a, b), to_even);
    const row odd = _mm512_add_epi64(_mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), to_odd);
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
enum { TILE = 6, BLOCKS = 1 };
#define EACH_THIRD(DO) DO(0) DO(3)
#define EACH(DO)                                            \
    DO(0, in0) DO(1, in0 + step) DO(2, in0 + 2 * step)      \
    DO(3, in3) DO(4, in3 + step) DO(5, in3 + 2 * step)
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

/* (a * b + 2^31) / 2^32 + offset, of unsigned a and b */
static inline __m256i scale(__m256i a, __m256i b, __m256i offset)
{
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << 31);
    const __m256i to_even = _mm256_or_si256(_mm256_slli_epi64(offset, 32), half);
    const __m256i to_odd = _mm256_blend_epi32(half, offset, 0xAA);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epu32(a, b), to_even);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), to_odd);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

static inline row row_scale(row a, row b, row offset)
{
    const row made = {scale(a.low, b.low, offset.low), scale(a.high, b.high, offset.high)};
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

static inline row four(const int8_t *in)
{
    int32_t values;
    memcpy(&values, in, sizeof values);
    return row_of(values);
}

/* For EACH position p, `from` is where its values are: a pointer for every third one, as registers do not suffice for all. */
#define POINT(p) const int8_t *in##p = in + p * step;
#define ADVANCE(p) in##p += STEP;

/* The sums of TILE positions with one block, which begin with the bias. Written out, since compilers keep an array of sums in
 * memory. */
EDGEKWS_NOINLINE static void tile(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, row bias, int32_t *sums)
{
#define BEGIN(p, from) row sum##p = bias;
#define ADD(p, from) sum##p = row_dot(sum##p, four(from), w);
#define END(p, from) row_store(sums + p * BLOCK, sum##p);
    EACH_THIRD(POINT)
    EACH(BEGIN)
    for (; steps; steps--, weights += BLOCK * STEP) {
        const row w = row_load(weights);
        EACH(ADD)
        EACH_THIRD(ADVANCE)
    }
    EACH(END)
}

/* The same with two blocks; `apart` values lie between their sums. */
EDGEKWS_NOINLINE static void tile_of_two(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, row bias, row other_bias,
                        int32_t *sums, size_t apart)
{
#define BEGIN_TWO(p, from) row sum##p = bias, other##p = other_bias;
#define ADD_TWO(p, from)                          \
    x = four(from);                               \
    sum##p = row_dot(sum##p, x, w);               \
    other##p = row_dot(other##p, x, v);
#define END_TWO(p, from)                          \
    row_store(sums + p * BLOCK, sum##p);          \
    row_store(sums + apart + p * BLOCK, other##p);
    const size_t block = (size_t)steps * BLOCK * STEP;
    EACH_THIRD(POINT)
    EACH(BEGIN_TWO)
    for (; steps; steps--, weights += BLOCK * STEP) {
        const row w = row_load(weights), v = row_load(weights + block);
        row x;
        EACH(ADD_TWO)
        EACH_THIRD(ADVANCE)
    }
    EACH(END_TWO)
}

static void single(const int8_t *in, const int8_t *weights, uint32_t steps, row bias, int32_t *sums)
{
    row sum = bias;
    for (; steps; steps--, in += STEP, weights += BLOCK * STEP) sum = row_dot(sum, four(in), row_load(weights));
    row_store(sums, sum);
}

/* The highest of `pool` rows of sums and of a row. */
static inline row highest(row sum, const int32_t *sums, uint32_t pool)
{
    for (; pool; pool--, sums += BLOCK) sum = row_max(sum, row_load(sums));
    return sum;
}

static inline void store(int8_t *out, __m128i values, uint32_t channels)
{
    if (channels >= BLOCK)
        _mm_storeu_si128((__m128i *)out, values);
    else
        memcpy(out, &values, channels);
}

/* The outputs of one block from its sums: the maximum over each pool, requantized. */
static void put(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                uint32_t pool)
{
    const edgekws_scaling *by = &stage->scaling;
    const row multiplier = row_load(by->multiplier + channel), shift = row_shifts(by->shift + channel);
    const row zero = row_of(0), one = row_of(1), zero_point = row_of(by->zero_point);
    const row left = row_max(shift, zero), right = row_max(row_sub(zero, shift), zero);
    const row mask = row_sub(row_left(one, right), one);
    const __m128i minimum = _mm_set1_epi8((char)by->minimum);
    for (; outputs; outputs--, out += stage->out_channels, sums += pool * BLOCK) {
        const row sum = highest(row_load(sums), sums + BLOCK, pool - 1);
        const row scaled = row_shift(row_high_multiply(row_left(sum, left), multiplier), right, mask);
        const __m128i values = _mm_max_epi8(row_narrow(row_add(scaled, zero_point)), minimum);
        store(out, values, stage->out_channels - channel);
    }
}

/* The same where ReLU cuts off what is below 0 and no scale shifts to the left. Sums below 0 may count as 0 then, halves are
 * always rounded up, and so both roundings are one addition, with all quotients rounded down:
 *
 *     ((sum * multiplier + 2^30) / 2^31 + 2^(right - 1)) / 2^right + zero_point
 *         = ((sum * 2 * multiplier + 2^31) / 2^32 + offset) / 2^right, with offset = 2^(right - 1) + zero_point * 2^right */
static inline void put_relu(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                     uint32_t pool)
{
    const edgekws_scaling *by = &stage->scaling;
    const row zero = row_of(0), one = row_of(1), multiplier = row_load(by->multiplier + channel);
    const row right = row_sub(zero, row_shifts(by->shift + channel)), twice = row_add(multiplier, multiplier);
    const row half = row_right(row_left(one, right), one);
    const row offset = row_add(half, row_left(row_of(by->zero_point), right));
    for (; outputs; outputs--, out += stage->out_channels, sums += pool * BLOCK) {
        const row scaled = row_scale(highest(zero, sums, pool), twice, offset);
        store(out, row_narrow(row_right(scaled, right)), stage->out_channels - channel);
    }
}

/* The values plus 128; up to 31 more are read and written. */
static void shift_values(const int8_t *in, int8_t *out, size_t values)
{
    const __m256i half = _mm256_set1_epi8(INT8_MIN);
    for (size_t i = 0; i < values; i += VECTOR) {
        const __m256i signed_values = _mm256_loadu_si256((const __m256i *)(in + i));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_xor_si256(signed_values, half));
    }
}

/* The sums of all positions with one or two blocks; those of the second lie behind those of the first. */
static void block_sums(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, const int32_t *bias,
                       int32_t *sums, uint32_t positions, uint32_t blocks)
{
    const size_t apart = (size_t)positions * BLOCK, block = (size_t)steps * BLOCK * STEP;
    for (uint32_t b = 0; positions < TILE && b < blocks; b++)
        for (uint32_t p = 0; p < positions; p++)
            single(in + p * step, weights + b * block, steps, row_load(bias + b * BLOCK), sums + b * apart + p * BLOCK);
    for (uint32_t p = 0; positions >= TILE && p < positions; p += TILE) {
        const uint32_t first = p + TILE <= positions ? p : positions - TILE; /* the last ones may overlap those before */
        const int8_t *from = in + first * step;
        int32_t *to = sums + first * BLOCK;
        if (blocks == 2)
            tile_of_two(from, step, weights, steps, row_load(bias), row_load(bias + BLOCK), to, apart);
        else
            tile(from, step, weights, steps, row_load(bias), to);
    }
}

static inline void convolve(const edgekws_stage *stage, const int8_t *in, int8_t *out, uint32_t outputs, uint32_t pool,
                            edgekws_scratch *scratch, bool relu)
{
    const uint32_t steps = ((uint32_t)stage->taps * stage->in_channels + STEP - 1) / STEP;
    const uint32_t positions = outputs * pool, frames = (positions - 1) * stage->stride + stage->taps;
    const size_t step = (size_t)stage->stride * stage->in_channels, apart = (size_t)positions * BLOCK;
    int32_t *sums = scratch->words + (-(uintptr_t)scratch->words % 64) / sizeof(int32_t); /* a row in a line of the cache */
    int8_t *shifted = (int8_t *)(sums + BLOCKS * apart);
    const int8_t *weights = stage->weights;
    shift_values(in, shifted, (size_t)frames * stage->in_channels + STEP - 1);
    for (uint32_t channel = 0; channel < stage->out_channels;) {
        const uint32_t blocks = BLOCKS == 2 && channel + BLOCK < stage->out_channels ? 2 : 1;
        block_sums(shifted, step, weights, steps, stage->scaling.bias + channel, sums, positions, blocks);
        weights += (size_t)blocks * steps * BLOCK * STEP;
        for (uint32_t b = 0; b < blocks; b++, channel += BLOCK) {
            const int32_t *of_block = sums + b * apart;
            if (!relu)
                put(stage, channel, of_block, out + channel, outputs, pool);
            else if (pool == 1)
                put_relu(stage, channel, of_block, out + channel, outputs, 1);
            else if (pool == 3) /* faster where the compiler knows the pool */
                put_relu(stage, channel, of_block, out + channel, outputs, 3);
            else
                put_relu(stage, channel, of_block, out + channel, outputs, pool);
        }
    }
}

void edgekws_convolve_vnni(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    convolve(stage, in, out, outputs, pool, scratch, false);
}

void edgekws_convolve_vnni_relu(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                                uint32_t pool, edgekws_scratch *scratch)
{
    convolve(stage, in, out, outputs, pool, scratch, true);
}
