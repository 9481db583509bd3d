/* Kernels for WebAssembly with 128-bit vectors (-msimd128). Values are int16, weights int8, widened as they are loaded.
 *
 * i32x4.dot_i16x8_s multiplies eight values and adds the products in pairs: two values' weights for four output channels
 * meet two activations side by side, broadcast. Four positions times eight channels are eight sums of four, as many as an
 * x86 with 16 registers keeps: six loads for eight of these instructions.
 *
 * Weights: int8, (out_channels / 8, taps * in_channels / 2, 8, 2), filled with zeros to whole blocks and steps of four
 * values; so up to three values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"

#include <string.h>
#include <wasm_simd128.h>

enum { BLOCK = 8, TILE = 4, PAIR = 2, STEP = 2 * PAIR };

#define ADD(sum, x, w) sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(x, w))
#define ADD_PAIR(at)                                                                          \
    {                                                                                         \
        const v128_t w0 = wasm_i16x8_load8x8(weights + at * BLOCK);                           \
        const v128_t w1 = wasm_i16x8_load8x8(weights + (at + 1) * BLOCK);                     \
        v128_t x = wasm_v128_load32_splat(in + at);                                           \
        ADD(a0, x, w0), ADD(a1, x, w1), x = wasm_v128_load32_splat(in1 + at);                 \
        ADD(b0, x, w0), ADD(b1, x, w1), x = wasm_v128_load32_splat(in2 + at);                 \
        ADD(c0, x, w0), ADD(c1, x, w1), x = wasm_v128_load32_splat(in3 + at);                 \
        ADD(d0, x, w0), ADD(d1, x, w1);                                                       \
    }

static void tile(const int16_t *in, size_t step, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    const int16_t *in1 = in + step, *in2 = in1 + step, *in3 = in2 + step;
    v128_t a0 = wasm_i32x4_const(0, 0, 0, 0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    for (const int8_t *end = weights + steps * BLOCK * STEP; weights != end; weights += BLOCK * STEP) {
        ADD_PAIR(0)
        ADD_PAIR(PAIR)
        in += STEP, in1 += STEP, in2 += STEP, in3 += STEP;
    }
    wasm_v128_store(sums, a0), wasm_v128_store(sums + 4, a1);
    wasm_v128_store(sums + BLOCK, b0), wasm_v128_store(sums + BLOCK + 4, b1);
    wasm_v128_store(sums + 2 * BLOCK, c0), wasm_v128_store(sums + 2 * BLOCK + 4, c1);
    wasm_v128_store(sums + 3 * BLOCK, d0), wasm_v128_store(sums + 3 * BLOCK + 4, d1);
}

static void single(const int16_t *in, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    v128_t low = wasm_i32x4_const(0, 0, 0, 0), high = low;
    for (uint32_t pair = 0; pair < 2 * steps; pair++, in += PAIR, weights += BLOCK * PAIR) {
        const v128_t x = wasm_v128_load32_splat(in);
        ADD(low, x, wasm_i16x8_load8x8(weights));
        ADD(high, x, wasm_i16x8_load8x8(weights + BLOCK));
    }
    wasm_v128_store(sums, low), wasm_v128_store(sums + 4, high);
}

/* Four channels' scaling. WebAssembly shifts all lanes alike, so shifts are products with powers of two: to the left by
 * `left`, to the right by `right`, 2^(30 - n), of which the upper bits count. `half` rounds; where the shift is 0 it and
 * `away`, which takes halves of negative values away from zero, are 0. */
typedef struct {
    v128_t bias, left, multiplier, right, half, away;
} scale;

static scale scale_of(const edgekws_scaling *by, uint32_t channel)
{
    int32_t left[4], right[4], half[4], away[4];
    for (uint32_t i = 0; i < 4; i++) {
        const int shift = by->shift[channel + i];
        left[i] = shift > 0 ? 1 << shift : 1;
        right[i] = shift < 0 ? 1 << (30 + shift) : 1 << 30;
        half[i] = shift < 0 ? 1 << 29 : 0;
        away[i] = shift < 0 ? right[i] : 0;
    }
    const scale made = {wasm_v128_load(by->bias + channel), wasm_v128_load(left),
                        wasm_v128_load(by->multiplier + channel), wasm_v128_load(right),
                        wasm_v128_load(half), wasm_v128_load(away)};
    return made;
}

/* The lower halves of four 64-bit lanes. */
#define NARROW(low, high) wasm_i32x4_shuffle(low, high, 0, 2, 4, 6)

static inline v128_t scaled(v128_t sums, const scale *by)
{
    const v128_t x = wasm_i32x4_mul(wasm_i32x4_add(sums, by->bias), by->left), round = wasm_i64x2_const(1 << 30, 1 << 30);
    const v128_t low = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(x, by->multiplier), round);
    const v128_t high = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(x, by->multiplier), round);
    const v128_t y = NARROW(wasm_i64x2_shr(low, 31), wasm_i64x2_shr(high, 31));
    const v128_t add = wasm_i32x4_sub(by->half, wasm_v128_and(wasm_i32x4_shr(y, 31), by->away));
    const v128_t below = wasm_i64x2_add(wasm_i64x2_extmul_low_i32x4(y, by->right), wasm_i64x2_extend_low_i32x4(add));
    const v128_t above = wasm_i64x2_add(wasm_i64x2_extmul_high_i32x4(y, by->right), wasm_i64x2_extend_high_i32x4(add));
    return NARROW(wasm_i64x2_shr(below, 30), wasm_i64x2_shr(above, 30));
}

static void put(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int16_t *out, uint32_t outputs,
                uint32_t pool)
{
    const scale first = scale_of(&stage->scaling, channel), second = scale_of(&stage->scaling, channel + 4);
    const v128_t zero_point = wasm_i16x8_splat(stage->scaling.zero_point), largest = wasm_i16x8_splat(127);
    const v128_t minimum = wasm_i16x8_splat(stage->scaling.minimum);
    const uint32_t there = stage->out_channels - channel;
    for (; outputs; outputs--, out += stage->out_channels) {
        v128_t low = wasm_v128_load(sums), high = wasm_v128_load(sums + 4);
        sums += BLOCK;
        for (uint32_t p = 1; p < pool; p++, sums += BLOCK) {
            low = wasm_i32x4_max(low, wasm_v128_load(sums));
            high = wasm_i32x4_max(high, wasm_v128_load(sums + 4));
        }
        v128_t values = wasm_i16x8_narrow_i32x4(scaled(low, &first), scaled(high, &second));
        values = wasm_i16x8_min(wasm_i16x8_max(wasm_i16x8_add_sat(values, zero_point), minimum), largest);
        if (there >= BLOCK)
            wasm_v128_store(out, values);
        else
            memcpy(out, &values, there * sizeof *out);
    }
}

#include "edgekws_blocks.h"

void edgekws_convolve_wasm(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t steps = ((uint32_t)stage->taps * stage->in_channels + STEP - 1) / STEP;
    edgekws_convolve_blocks(stage, in, out, outputs, pool, scratch->words, steps, BLOCK * STEP);
}
