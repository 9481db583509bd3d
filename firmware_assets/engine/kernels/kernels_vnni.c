/* Kernels for x86-64 with VNNI, either AVX-512's or AVX-VNNI. Values and weights are int8.
 *
 * VPDPBUSD multiplies pairs of bytes and adds the products in fours: four values' weights for 16 output channels meet four
 * activations side by side, broadcast. It takes activations from 0 to 255, so that 128 is added to all of them first, in a
 * copy, and the generator has taken 128 times the sum of the weights from the bias. A *row* is the sums of a position with
 * 16 channels (edgekws_rows.h). A tile keeps the rows of 12 positions, or 6, and loads the weights once for
 * all of them. With the 32 registers of AVX-512 it does so for two blocks of channels, which share each broadcast: else
 * loads would be the limit, not products.
 *
 * Weights: int8, (out_channels / 16, taps * in_channels / 4, 16, 4), both quotients rounded up, filled with zeros; so up
 * to three values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"
#include "edgekws_rows.h"

#include <string.h>

enum { BLOCK = 16, STEP = 4, VECTOR = 32, SHORT = 2 /* steps */ };

#if TILE == 12
#define EACH_THIRD(DO) DO(0) DO(3) DO(6) DO(9)
#define EACH(DO)                                            \
    DO(0, in0) DO(1, in0 + step) DO(2, in0 + 2 * step)      \
    DO(3, in3) DO(4, in3 + step) DO(5, in3 + 2 * step)      \
    DO(6, in6) DO(7, in6 + step) DO(8, in6 + 2 * step)      \
    DO(9, in9) DO(10, in9 + step) DO(11, in9 + 2 * step)
#else
#define EACH_THIRD(DO) DO(0) DO(3)
#define EACH(DO)                                            \
    DO(0, in0) DO(1, in0 + step) DO(2, in0 + 2 * step)      \
    DO(3, in3) DO(4, in3 + step) DO(5, in3 + 2 * step)
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

/* The same where ReLU cuts off at the zero point, which is -128, and all scales shift to the right. A sum below 0 then ends as
 * -128 however it is rounded, so halves may always be rounded up, and both roundings are one, down:
 *
 *     ((sum * multiplier + 2^30) / 2^31 + 2^(right - 1)) / 2^right - 128
 *         = (sum * multiplier + added * 2^30) / 2^32 / 2^(right - 1), with added = 1 - 255 * 2^right */
typedef struct {
    row multiplier, added, right; /* less 1 */
} relu_scaling;

static inline relu_scaling relu_scaling_of(const edgekws_scaling *by, uint32_t channel)
{
    const row one = row_of(1), right = row_sub(row_of(0), row_shifts(by->shift + channel));
    const relu_scaling made = {row_load(by->multiplier + channel), row_sub(one, row_left(row_of(255), right)),
                               row_sub(right, one)};
    return made;
}

static inline __m128i relu(row sum, relu_scaling by)
{
    return row_narrow(row_right(row_scale(sum, by.multiplier, by.added), by.right));
}

static inline void put_relu(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                            uint32_t pool)
{
    const uint32_t channels = stage->out_channels, left = channels - channel;
    const relu_scaling by = relu_scaling_of(&stage->scaling, channel);
    for (; outputs; outputs--, out += channels, sums += pool * BLOCK)
        store(out, relu(highest(row_load(sums), sums + BLOCK, pool - 1), by), left);
}

/* Few products, of two steps: a position's are requantized at once, so that no sum goes to memory. */
static void convolve_short(const edgekws_stage *stage, const int8_t *in, size_t step, int8_t *out, uint32_t outputs)
{
    const uint32_t channels = stage->out_channels;
    const int8_t *weights = stage->weights;
    for (uint32_t channel = 0; channel < channels; channel += BLOCK, weights += SHORT * BLOCK * STEP) {
        const row bias = row_load(stage->scaling.bias + channel);
        const row first = row_load(weights), second = row_load(weights + BLOCK * STEP);
        const relu_scaling by = relu_scaling_of(&stage->scaling, channel);
        const uint32_t left = channels - channel;
        const int8_t *x = in;
        int8_t *to = out + channel;
        for (uint32_t n = outputs; n; n--, x += step, to += channels)
            store(to, relu(row_dot(row_dot(bias, four(x), first), four(x + STEP), second), by), left);
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
    if (relu && pool == 1 && steps == SHORT) {
        convolve_short(stage, shifted, step, out, outputs);
        return;
    }
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
