/* Toom-Cook (Winograd) convolution F(4, 5) for cores with the DSP extension: 8 multiplications for 4 outputs of a
 * filter of 5 taps, in place of 20.
 *
 * The filter g and a tile of 8 frames d are each taken to 8 numbers, whose products, summed over the channels in, give
 * the 4 outputs y. Each number belongs to a point: the product of two polynomials is known from its values at as many
 * points as it has coefficients, and convolution is that product transposed. With the points 0, ±1, ±2, ±1/2 and
 * infinity and all fractions cleared, everything is an integer and the result is 360 y:
 *
 *     point  of the filter (made by the generator)            of the frames                        in y0  y1  y2  y3
 *     0      -90 g0                                           4 (d6 - d0) + 21 (d2 - d4)              1   0   0   0
 *     ±1     -20 (g0 ± g1 + g2 ± g3 + g4)                     e ± o, e = 4 d6 - 17 d4 + 4 d2          1  ±1   1  ±1
 *                                                                    o = 4 d5 - 17 d3 + 4 d1
 *     ±2     g0 ± 2 g1 + 4 g2 ± 8 g3 + 16 g4                  e ± 2 o, e = 4 d6 - 5 d4 + d2           1  ±2   4  ±8
 *                                                                    o = 4 d5 - 5 d3 + d1
 *     ±1/2   16 g0 ± 8 g1 + 4 g2 ± 2 g3 + g4                  2 e ± o, e = d6 - 5 d4 + 4 d2           8  ±4   2  ±1
 *                                                                    o = d5 - 5 d3 + 4 d1
 *     inf    90 g4                                            4 (d7 - d1) + 21 (d3 - d5)              0   0   0   1
 *
 * Nothing is rounded, so the bits are those of the direct way:
 * - Of int8 weights and values, those of the filter are within 12800 and those of the frames within 50 * 128: int16.
 * - Sums may wrap; they are right modulo 2^32, and 360 y fits int32: the generator proves it from the weights, and
 *   takes the direct kernel where it fails.
 * - 360 y times the inverse of 45 modulo 2^32 is 8 y. The maximum over the pool is taken before that.
 *
 * Shapes: 5 taps, stride 1, channels in a multiple of 32 (a *chunk*) up to 128, pool at most 12, any number of channels
 * out. A call takes up to 12 positions: 3 tiles, so that each transformed weight serves three. May read up to 3 frames
 * past its input, for outputs that are not used.
 * Weights, for every two channels out: their two edgekws_dsp_channel; then for every chunk, point and pair of channels
 * in, a pair of int16 for each of the two.
 * Scratch: the transformed tiles, with room for the 6 sums of a point behind each; then the 12 sums of a channel. */
#include "edgekws_dsp.h"

enum { TILES = 3, TILE = 4, POSITIONS = TILES * TILE, CHUNK = 32, POINTS = 8 };
enum { SUMS = CHUNK / 2 * TILES, POINT = SUMS + 2 * TILES }; /* words of one point: tiles, sums[channel][tile] */
#define INVERSE_OF_45 UINT32_C(0xA4FA4FA5)

/* The sums of every point for 3 tiles and 2 channels, over one chunk of channels in. */
#if EDGEKWS_DSP_ASM
/* Sums are r2 to r7, tiles r8 to r10, weights r11, r12 and lr; r0 and r1 walk through tiles and weights. */
#define ADD_A(w) "smlad r2, r8, " w ", r2\n smlad r3, r9, " w ", r3\n smlad r4, r10, " w ", r4\n"
#define ADD_B(w) "smlad r5, r8, " w ", r5\n smlad r6, r9, " w ", r6\n smlad r7, r10, " w ", r7\n"
#define SET_A(w) "smuad r2, r8, " w "\n smuad r3, r9, " w "\n smuad r4, r10, " w "\n"
#define SET_B(w) "smuad r5, r8, " w "\n smuad r6, r9, " w "\n smuad r7, r10, " w "\n"
#define THREE_PAIRS(A, B)                                                                            \
    "ldm r1!, {r11, r12, lr}\n ldm r0!, {r8-r10}\n" A("r11") B("r12") "ldm r0!, {r8-r10}\n" ADD_A("lr") \
    "ldm r1!, {r11, r12, lr}\n" ADD_B("r11") "ldm r0!, {r8-r10}\n" ADD_A("r12") ADD_B("lr")
EDGEKWS_NOINLINE static void multiply_points(uint32_t *tiles, const uint32_t *weights)
{
    register uint32_t *r0 __asm__("r0") = tiles;
    register const uint32_t *r1 __asm__("r1") = weights;
    register const uint32_t *r2 __asm__("r2") = tiles + POINTS * POINT;
    /* Needs all registers, so it saves them itself. */
    __asm__ volatile("push {r2-r12, lr}\n"
                     "1: .rept 4\n" THREE_PAIRS(SET_A, SET_B) THREE_PAIRS(ADD_A, ADD_B) THREE_PAIRS(ADD_A, ADD_B)
                     THREE_PAIRS(ADD_A, ADD_B) THREE_PAIRS(ADD_A, ADD_B)
                     "ldm r1!, {r11, r12}\n ldm r0!, {r8-r10}\n" ADD_A("r11") ADD_B("r12")
                     "stm r0!, {r2-r7}\n"
                     ".endr\n"
                     "ldr r8, [sp]\n cmp r0, r8\n bne 1b\n"
                     "pop {r2-r12, lr}\n"
                     : "+r"(r0), "+r"(r1) : "r"(r2) : "cc", "memory");
}
#else
EDGEKWS_NOINLINE static void multiply_points(uint32_t *tiles, const uint32_t *weights)
{
    for (uint32_t point = 0; point < POINTS; point++, tiles += POINT, weights += CHUNK) {
        for (uint32_t i = 0; i < 2 * TILES; i++) {
            int32_t sum = 0;
            for (uint32_t pair = 0; pair < CHUNK / 2; pair++)
                sum = edgekws_dsp_multiply(tiles[pair * TILES + i % TILES], weights[2 * pair + i / TILES], sum);
            tiles[SUMS + i] = (uint32_t)sum;
        }
    }
}
#endif

/* A constant that the compiler keeps in a register, for instructions that shift and mask at once. */
EDGEKWS_INLINE uint32_t in_register(uint32_t constant)
{
#if EDGEKWS_DSP_ASM
    __asm__("" : "+r"(constant));
#endif
    return constant;
}

/* Of one tile and chunk, two channels at a time; `step` values from frame to frame. */
EDGEKWS_INLINE void transform_tile(const edgekws_value *in, uint32_t step, uint32_t *out)
{
    /* What the lower half shifts into the upper one is masked off. */
    const uint32_t mask4 = in_register(UINT32_C(0xFFFCFFFF)), mask8 = in_register(UINT32_C(0xFFF8FFFF));
#define ADD edgekws_dsp_add
#define SUBTRACT edgekws_dsp_subtract
#define TIMES_4(x) ((x) << 2 & mask4)
#define TIMES_8(x) ((x) << 3 & mask8)
    for (uint32_t *end = out + SUMS; out != end; in += 2, out += TILES) {
        const uint32_t d0 = edgekws_dsp_pair(in), d1 = edgekws_dsp_pair(in + step);
        const uint32_t d2 = edgekws_dsp_pair(in + 2 * step), d3 = edgekws_dsp_pair(in + 3 * step);
        const uint32_t d4 = edgekws_dsp_pair(in + 4 * step), d5 = edgekws_dsp_pair(in + 5 * step);
        const uint32_t d6 = edgekws_dsp_pair(in + 6 * step), d7 = edgekws_dsp_pair(in + 7 * step);
        const uint32_t a = SUBTRACT(d2, d4), a4 = TIMES_4(a), b = SUBTRACT(d6, d4), b4 = TIMES_4(b);
        const uint32_t c = SUBTRACT(d1, d3), c4 = TIMES_4(c), f = SUBTRACT(d5, d3), f4 = TIMES_4(f);
        uint32_t even = ADD(ADD(SUBTRACT(d6, d0), a), a4), odd = SUBTRACT(SUBTRACT(SUBTRACT(d7, d1), f), f4);
        out[0 * POINT] = ADD(TIMES_4(even), a);
        out[7 * POINT] = SUBTRACT(TIMES_4(odd), f);
        even = SUBTRACT(SUBTRACT(ADD(a4, b4), TIMES_8(d4)), d4);
        odd = SUBTRACT(SUBTRACT(ADD(c4, f4), TIMES_8(d3)), d3);
        out[1 * POINT] = ADD(even, odd);
        out[2 * POINT] = SUBTRACT(even, odd);
        even = ADD(a, b4), odd = ADD(c, f4), odd = ADD(odd, odd);
        out[3 * POINT] = ADD(even, odd);
        out[4 * POINT] = SUBTRACT(even, odd);
        even = ADD(b, a4), even = ADD(even, even), odd = ADD(f, c4);
        out[5 * POINT] = ADD(even, odd);
        out[6 * POINT] = SUBTRACT(even, odd);
    }
#undef ADD
#undef SUBTRACT
#undef TIMES_4
#undef TIMES_8
}

/* 360 times the outputs of one tile and channel, from the sums of its points. */
EDGEKWS_INLINE void outputs_of_tile(const uint32_t *sums, uint32_t y[TILE])
{
    const uint32_t s1 = sums[1 * POINT] + sums[2 * POINT], d1 = sums[1 * POINT] - sums[2 * POINT];
    const uint32_t s2 = sums[3 * POINT] + sums[4 * POINT], d2 = sums[3 * POINT] - sums[4 * POINT];
    const uint32_t s3 = sums[5 * POINT] + sums[6 * POINT], d3 = sums[5 * POINT] - sums[6 * POINT];
    y[0] = sums[0 * POINT] + s1 + s2 + 8 * s3;
    y[1] = d1 + 2 * d2 + 4 * d3;
    y[2] = s1 + 4 * s2 + 2 * s3;
    y[3] = d1 + 8 * d2 + d3 + sums[7 * POINT];
}

/* The usual case, 4 outputs of 3 positions, ReLU, of the channels from `channel` to `end`: only outputs are stored. */
#if EDGEKWS_DSP_ASM
/* y0 to y3 of a tile come to r5, r7, r8 and r4; r10 is the maximum of what the next output shares with the tile before.
 * r0 walks through the channels, r1 through their sums, r2 through the output in steps of r3, one frame. */
#define OUTPUTS_OF_TILE(t)                                                                                     \
    "ldr r4, [r1, #4*(54*1+" t ")]\n ldr r5, [r1, #4*(54*2+" t ")]\n sub r4, r4, r5\n add r5, r4, r5, lsl #1\n" \
    "ldr r6, [r1, #4*(54*3+" t ")]\n ldr r7, [r1, #4*(54*4+" t ")]\n sub r6, r6, r7\n add r7, r6, r7, lsl #1\n" \
    "add r8, r5, r7, lsl #2\n add r5, r5, r7\n add r7, r4, r6, lsl #1\n add r4, r4, r6, lsl #3\n"               \
    "ldr r6, [r1, #4*(54*5+" t ")]\n ldr r9, [r1, #4*(54*6+" t ")]\n sub r6, r6, r9\n add r9, r6, r9, lsl #1\n" \
    "add r5, r5, r9, lsl #3\n add r8, r8, r9, lsl #1\n add r7, r7, r6, lsl #2\n add r4, r4, r6\n"               \
    "ldr r6, [r1, #4*(54*0+" t ")]\n ldr r9, [r1, #4*(54*7+" t ")]\n add r5, r5, r6\n add r4, r4, r9\n"
#define LARGER(a, b) "cmp " a ", " b "\n it lt\n movlt " a ", " b "\n"
#define RELU(y)                                                                                           \
    "mul " y ", " y ", lr\n ldrd r6, r9, [r0]\n add " y ", r6, " y ", asr #2\n smmlar " y ", " y ", r9, r12\n" \
    "asr " y ", " y ", r11\n ssat " y ", #8, " y "\n"
EDGEKWS_NOINLINE static void put_four(const edgekws_dsp_channel *channel, const edgekws_dsp_channel *end,
                                      const uint32_t *sums, edgekws_value *out, uint32_t step)
{
    typedef char point_is_54_words[POINT == 54 ? 1 : -1];
    register const edgekws_dsp_channel *r0 __asm__("r0") = channel;
    register const uint32_t *r1 __asm__("r1") = sums;
    register edgekws_value *r2 __asm__("r2") = out;
    register uint32_t r3 __asm__("r3") = step * sizeof *out + 0 * sizeof(point_is_54_words);
    register const edgekws_dsp_channel *r12 __asm__("r12") = end;
    /* Needs all registers, so it saves them itself. */
    __asm__ volatile("push {r2-r12, lr}\n"
                     "movw lr, #0x4FA5\n movt lr, #0xA4FA\n"
                     "1: ldrd r12, r11, [r0, #8]\n"
                     OUTPUTS_OF_TILE("0") LARGER("r5", "r7") LARGER("r5", "r8") RELU("r5") "strh r5, [r2]\n"
                     "mov r10, r4\n"
                     OUTPUTS_OF_TILE("1") LARGER("r5", "r7") LARGER("r5", "r10") RELU("r5") "strh r5, [r2, r3]\n"
                     LARGER("r8", "r4") "mov r10, r8\n add r2, r2, r3, lsl #1\n"
                     OUTPUTS_OF_TILE("2") LARGER("r10", "r5") RELU("r10") "strh r10, [r2]\n"
                     LARGER("r4", "r7") LARGER("r4", "r8") RELU("r4") "strh r4, [r2, r3]\n"
                     "ldr r2, [sp]\n add r2, r2, #2\n str r2, [sp]\n"
                     "add r0, r0, #16\n add r1, r1, #12\n ldr r12, [sp, #40]\n cmp r0, r12\n bne 1b\n"
                     "pop {r2-r12, lr}\n"
                     : "+r"(r0), "+r"(r1), "+r"(r2) : "r"(r3), "r"(r12) : "cc", "memory");
}
#else
static int32_t larger_of_three(uint32_t a, uint32_t b, uint32_t c)
{
    return edgekws_dsp_larger(edgekws_dsp_larger((int32_t)a, (int32_t)b), (int32_t)c);
}

static void put_four(const edgekws_dsp_channel *channel, const edgekws_dsp_channel *end, const uint32_t *sums,
                     edgekws_value *out, uint32_t step)
{
    for (; channel != end; channel++, sums += TILES, out++) {
        uint32_t y[POSITIONS];
        for (uint32_t tile = 0; tile < TILES; tile++) outputs_of_tile(sums + tile, y + tile * TILE);
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t sum = (uint32_t)larger_of_three(y[3 * i], y[3 * i + 1], y[3 * i + 2]);
            const uint32_t twice = (uint32_t)((int32_t)(sum * INVERSE_OF_45) >> 2);
            out[i * step] = (edgekws_value)edgekws_dsp_relu((int32_t)((uint32_t)channel->bias + twice), channel);
        }
    }
}
#endif

static void put_any(const edgekws_stage *stage, uint32_t c, const edgekws_dsp_channel *channel, const uint32_t *sums,
                    int32_t *positions, edgekws_value *out, uint32_t outputs, uint32_t pool)
{
    for (uint32_t tile = 0; tile < TILES; tile++) {
        uint32_t y[TILE];
        outputs_of_tile(sums + tile, y);
        for (uint32_t i = 0; i < TILE; i++) positions[tile * TILE + i] = (int32_t)(y[i] * INVERSE_OF_45) >> 3;
    }
    edgekws_dsp_put(stage, c, channel, positions, out, outputs, pool);
}

EDGEKWS_INLINE void convolve(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                             uint32_t pool, edgekws_scratch *scratch, uint32_t in_channels)
{
    const uint32_t chunks = in_channels / CHUNK;
    const uint32_t tiles = (outputs * pool + TILE - 1) / TILE;
    const bool usual = pool == 3 && edgekws_dsp_is_relu(stage);
    uint32_t *transformed = (uint32_t *)scratch->words;
    int32_t *positions = scratch->words + chunks * POINTS * POINT;

    for (uint32_t chunk = 0; chunk < chunks; chunk++)
        for (uint32_t tile = 0; tile < tiles; tile++)
            transform_tile(in + tile * TILE * in_channels + chunk * CHUNK, in_channels,
                           transformed + chunk * POINTS * POINT + tile);

    const uint32_t *weights = stage->weights;
    for (uint32_t c = 0; c < stage->out_channels; c += 2) {
        const edgekws_dsp_channel *channels = (const void *)weights;
        weights += 8;
        for (uint32_t chunk = 0; chunk < chunks; chunk++, weights += POINTS * CHUNK)
            multiply_points(transformed + chunk * POINTS * POINT, weights);
        uint32_t *sums = transformed + SUMS;
        for (uint32_t chunk = 1; chunk < chunks; chunk++)
            for (uint32_t point = 0; point < POINTS; point++)
                for (uint32_t i = 0; i < 2 * TILES; i++)
                    sums[point * POINT + i] += sums[(chunk * POINTS + point) * POINT + i];
        const uint32_t left = stage->out_channels - c < 2 ? 1 : 2;
        if (usual && outputs == 4) {
            put_four(channels, channels + left, sums, out + c, stage->out_channels);
        } else if (usual) { /* of four outputs, the first ones */
            edgekws_value four[8];
            put_four(channels, channels + left, sums, four, 2);
            for (uint32_t j = 0; j < outputs; j++)
                memcpy(out + j * stage->out_channels + c, four + 2 * j, left * sizeof *out);
        } else
            for (uint32_t i = 0; i < left; i++)
                put_any(stage, c + i, channels + i, sums + i * TILES, positions, out, outputs, pool);
    }
}

void edgekws_convolve_dsp_fast(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                               uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    if (stage->in_channels == CHUNK)
        convolve(stage, in, out, outputs, pool, scratch, CHUNK);
    else
        convolve(stage, in, out, outputs, pool, scratch, stage->in_channels);
}
