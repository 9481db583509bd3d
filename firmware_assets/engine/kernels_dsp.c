/* Direct convolution for cores with the DSP extension (Cortex-M4, M7, M33): 3 positions by 2 channels in registers.
 *
 * SMLAD does two multiply-accumulates, so what counts is how many loads come with it. Six sums (3 positions, 2 channels)
 * stay in registers. The frames that they see are first copied so that the T + 2 pairs of values of one *pair of
 * channels* lie side by side in time: for one such row, of T taps, four registers slide along time while each weight is
 * loaded once for three positions.
 *
 *     row:     x0 x1 x2 x3 x4 x5 x6        T = 5: 8 loads for 30 SMLAD, 60 multiply-accumulates
 *     tap 0:   ^  ^  ^                     (a load of several registers counts as one)
 *     tap 1:      ^  ^  ^
 *     ...
 *
 * Shapes: T = 3 and 5 for stride 1 and an even number of channels. T = 1 takes every other kernel and stride: its rows
 * are two neighbouring values of the run that a position sees. pool is at most 12; any number of channels out.
 * Weights, for every two channels out: their two edgekws_dsp_channel, then for every row (padded with zeros to a multiple
 * of UNROLLED) and tap one pair of int16 for each of the two; or, narrow, four int8: c0 k0, c1 k0, c0 k1, c1 k1.
 * Scratch: the rows, and EDGEKWS_DSP_POSITIONS sums for each of two channels.
 */
#include "edgekws_dsp.h"

enum { POSITIONS = 12, BLOCK = 3 };

typedef struct {
    uint32_t taps; /* T of the rows: 1, 3 or 5 */
    bool narrow;   /* weights are int8 */
} layout;

/* Rows that the loop does at a time: their number is padded to a multiple. */
EDGEKWS_INLINE uint32_t unrolled(layout kind)
{
    return kind.taps == 1 ? 16 : 4;
}

#if EDGEKWS_DSP_ASM
/* Sums are r2 to r7, the row r8 to r11, weights r12 and lr; r0 and r1 walk through rows and weights. */
#define WIDE "ldrd r12, lr, [r1], #8\n"
#define NARROW "ldr lr, [r1], #4\n sxtb16 r12, lr\n sxtb16 lr, lr, ror #8\n"
#define TAP(x0, x1, x2)                                                                   \
    "smlad r2, " x0 ", r12, r2\n smlad r3, " x1 ", r12, r3\n smlad r4, " x2 ", r12, r4\n" \
    "smlad r5, " x0 ", lr, r5\n smlad r6, " x1 ", lr, r6\n smlad r7, " x2 ", lr, r7\n"
#define ROW_1(LOAD) "ldm r0!, {r8-r10}\n" LOAD TAP("r8", "r9", "r10")
#define ROW_3(LOAD)                                                                                       \
    "ldm r0!, {r8-r11}\n" LOAD TAP("r8", "r9", "r10") LOAD TAP("r9", "r10", "r11") "ldr r8, [r0], #4\n" \
    LOAD TAP("r10", "r11", "r8")
#define ROW_5(LOAD)                                                                                    \
    "ldm r0!, {r8-r11}\n" LOAD TAP("r8", "r9", "r10") LOAD TAP("r9", "r10", "r11") "ldm r0!, {r8-r9}\n" \
    LOAD TAP("r10", "r11", "r8") LOAD TAP("r11", "r8", "r9") "ldr r10, [r0], #4\n"                      \
    LOAD TAP("r8", "r9", "r10")
#define FOUR(ROW) ROW ROW ROW ROW
/* All registers are needed, so they are saved here and not named to the compiler: it may want some itself. On the stack
 * lie then the weights' begin, the sums, the weights' end, and at 44 the rows' end. */
#define DOT(ROWS)                                                                                     \
    __asm__ volatile("push {r1-r12, lr}\n"                                                            \
                     "1: mov r2, #0\n mov r3, #0\n mov r4, #0\n mov r5, #0\n mov r6, #0\n mov r7, #0\n" \
                     "2:\n" ROWS                                                                      \
                     "ldr r8, [sp, #8]\n cmp r1, r8\n bne 2b\n"                                       \
                     "ldr r8, [sp, #4]\n stm r8!, {r2-r4}\n str r8, [sp, #4]\n"                       \
                     "add r8, r8, #36\n stm r8, {r5-r7}\n"                                            \
                     "ldr r8, [sp, #44]\n ldr r1, [sp]\n cmp r0, r8\n bne 1b\n"                       \
                     "pop {r1-r12, lr}\n"                                                             \
                     : "+r"(r0), "+r"(r2) : "r"(r1), "r"(r3), "r"(r12) : "cc", "memory")

/* sums[c][p] for 2 channels and the positions of all blocks. */
EDGEKWS_INLINE void dot(layout kind, const uint32_t *rows, const uint32_t *rows_end, const uint32_t *weights,
                        const uint32_t *weights_end, int32_t *sums)
{
    register const uint32_t *r0 __asm__("r0") = rows;
    register const uint32_t *r1 __asm__("r1") = weights;
    register int32_t *r2 __asm__("r2") = sums;
    register const uint32_t *r3 __asm__("r3") = weights_end;
    register const uint32_t *r12 __asm__("r12") = rows_end;
    if (kind.taps == 5 && kind.narrow) DOT(FOUR(ROW_5(NARROW)));
    else if (kind.taps == 5) DOT(FOUR(ROW_5(WIDE)));
    else if (kind.taps == 3 && kind.narrow) DOT(FOUR(ROW_3(NARROW)));
    else if (kind.taps == 3) DOT(FOUR(ROW_3(WIDE)));
    else if (kind.narrow) DOT(FOUR(FOUR(ROW_1(NARROW))));
    else DOT(FOUR(FOUR(ROW_1(WIDE))));
}
#else
EDGEKWS_INLINE void dot(layout kind, const uint32_t *rows, const uint32_t *rows_end, const uint32_t *weights,
                        const uint32_t *weights_end, int32_t *sums)
{
    for (; rows != rows_end; sums += BLOCK) {
        for (uint32_t i = 0; i < BLOCK; i++) sums[i] = sums[POSITIONS + i] = 0;
        for (const uint32_t *w = weights; w != weights_end; rows += BLOCK - 1) {
            for (uint32_t tap = 0; tap < kind.taps; tap++, rows++) {
                uint32_t first = *w++, second;
                if (kind.narrow) {
                    second = edgekws_dsp_widen(first >> 8);
                    first = edgekws_dsp_widen(first);
                } else {
                    second = *w++;
                }
                for (uint32_t i = 0; i < BLOCK; i++) {
                    sums[i] = edgekws_dsp_multiply(rows[i], first, sums[i]);
                    sums[POSITIONS + i] = edgekws_dsp_multiply(rows[i], second, sums[POSITIONS + i]);
                }
            }
        }
    }
}
#endif

/* The rows of the block of 3 positions that begins at `in`, of which the first `positions` exist; the others' sums are
 * not used. A row of T taps: the same two channels of T + 2 frames. */
EDGEKWS_INLINE void copy_rows(layout kind, const edgekws_stage *stage, const edgekws_value *in, uint32_t positions,
                              uint32_t *rows)
{
    const uint32_t width = kind.taps + BLOCK - 1;
    if (kind.taps == 1) {
        const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
        for (uint32_t p = 0; p < positions; p++) {
            const edgekws_value *from = in + p * stage->stride * stage->in_channels;
            uint32_t *to = rows + p;
            for (uint32_t pairs = run / 2; pairs; pairs--, from += 2, to += width) *to = edgekws_dsp_pair(from);
            if (run & 1) *to = (uint16_t)*from;
        }
    } else {
        for (uint32_t f = 0; f < positions + kind.taps - 1; f++) {
            uint32_t *to = rows + f;
            uint32_t pairs = stage->in_channels / 2;
            for (; pairs >= 4; pairs -= 4, in += 8, to += 4 * width) {
                const uint32_t a = edgekws_dsp_pair(in), b = edgekws_dsp_pair(in + 2);
                const uint32_t c = edgekws_dsp_pair(in + 4), d = edgekws_dsp_pair(in + 6);
                to[0] = a, to[width] = b, to[2 * width] = c, to[3 * width] = d;
            }
            for (; pairs; pairs--, in += 2, to += width) *to = edgekws_dsp_pair(in);
        }
    }
}

EDGEKWS_INLINE void convolve(layout kind, const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                             uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
    const uint32_t pairs = (run / kind.taps + 1) / 2;
    const uint32_t block = (pairs + unrolled(kind) - 1) / unrolled(kind) * unrolled(kind) * (kind.taps + 2);
    const uint32_t pair_of_channels = block / (kind.taps + 2) * kind.taps * (kind.narrow ? 1 : 2);
    const uint32_t positions = outputs * pool;
    int32_t *sums = scratch->words;
    uint32_t *rows = (uint32_t *)scratch->words + 2 * POSITIONS;

    for (uint32_t p = 0; p < positions; p += BLOCK)
        copy_rows(kind, stage, in + p * stage->stride * stage->in_channels,
                  positions - p < BLOCK ? positions - p : BLOCK, rows + p / BLOCK * block);
    const uint32_t *rows_end = rows + (positions + BLOCK - 1) / BLOCK * block;

    const uint32_t *weights = stage->weights;
    for (uint32_t c = 0; c < stage->out_channels; c += 2) {
        const edgekws_dsp_channel *channels = (const void *)weights;
        weights += 8;
        dot(kind, rows, rows_end, weights, weights + pair_of_channels, sums);
        weights += pair_of_channels;
        for (uint32_t i = 0; i < 2 && c + i < stage->out_channels; i++)
            edgekws_dsp_put(stage, c + i, channels + i, sums + i * POSITIONS, out, outputs, pool);
    }
}

#define DEFINE(name, taps, narrow)                                                                                  \
    void name(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,            \
              uint32_t pool, edgekws_scratch *scratch)                                                              \
    {                                                                                                               \
        convolve((layout){taps, narrow}, stage, in, out, outputs, pool, scratch);                                   \
    }
DEFINE(edgekws_convolve_dsp_1, 1, false)
DEFINE(edgekws_convolve_dsp_3, 3, false)
DEFINE(edgekws_convolve_dsp_5, 5, false)
DEFINE(edgekws_convolve_dsp_1_narrow, 1, true)
DEFINE(edgekws_convolve_dsp_3_narrow, 3, true)
DEFINE(edgekws_convolve_dsp_5_narrow, 5, true)

/* The first convolution: one channel in, 5 or 6 taps, stride 1, no pool, ReLU with a zero point of -128.
 *
 * A position's taps are 3 pairs of samples; the position two later shares two of them. So even and odd positions are
 * two streams of pairs, each walked with one new pair a position, while all that belongs to a channel stays in
 * registers. Weights, for every channel out: edgekws_dsp_channel, then 3 pairs of int16, doubled.
 * Scratch: the pairs, positions + 4. */
typedef struct {
    edgekws_dsp_channel scaling;
    uint32_t pairs[3];
} samples_channel;

#if EDGEKWS_DSP_ASM
/* Twelve positions of all channels. A channel's constants are r4 to r10, the pairs r11, r12 and lr, the sum r1; r0 walks
 * through the streams, r2 through the output in steps of r3, two frames. */
#define SAMPLE(x, y, z)                                                                                   \
    "ldr " z ", [r0], #4\n smlad r1, " z ", r10, r4\n smlad r1, " y ", r9, r1\n smlad r1, " x ", r8, r1\n" \
    "smmlar r1, r1, r5, r6\n asr r1, r1, r7\n ssat r1, #8, r1\n"
#define PUT_FIRST "strh r1, [r2]\n"
#define PUT_SECOND "strh r1, [r2, r3]\n add r2, r2, r3, lsl #1\n"
#define SIX_POSITIONS                                                                                    \
    "ldm r0!, {r11, r12}\n"                                                                              \
    SAMPLE("r11", "r12", "lr") PUT_FIRST SAMPLE("r12", "lr", "r11") PUT_SECOND SAMPLE("lr", "r11", "r12") \
    PUT_FIRST SAMPLE("r11", "r12", "lr") PUT_SECOND SAMPLE("r12", "lr", "r11") PUT_FIRST                 \
    SAMPLE("lr", "r11", "r12") PUT_SECOND
EDGEKWS_NOINLINE static void twelve_samples(const uint32_t *streams, const samples_channel *channel,
                                            edgekws_value *out, uint32_t channels)
{
    register const uint32_t *r0 __asm__("r0") = streams;
    register const samples_channel *r1 __asm__("r1") = channel;
    register edgekws_value *r2 __asm__("r2") = out;
    register uint32_t r3 __asm__("r3") = 4 * channels;
    register edgekws_value *r12 __asm__("r12") = out + channels;
    __asm__ volatile("push {r0-r12, lr}\n"
                     "1: ldm r1!, {r4-r10}\n str r1, [sp, #4]\n" SIX_POSITIONS
                     "ldr r2, [sp, #8]\n add r2, r2, r3, lsr #1\n" SIX_POSITIONS
                     "ldr r2, [sp, #8]\n add r2, r2, #2\n str r2, [sp, #8]\n"
                     "ldr r12, [sp, #48]\n ldm sp, {r0, r1}\n cmp r2, r12\n bne 1b\n"
                     "add sp, sp, #16\n pop {r4-r12, lr}\n"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : "r"(r12) : "cc", "memory");
}
#endif

void edgekws_convolve_dsp_samples(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                  uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t step = 2u * stage->out_channels;
    uint32_t *streams[2] = {(uint32_t *)scratch->words, (uint32_t *)scratch->words + (outputs + 5) / 2};
    (void)pool;
    for (uint32_t p = 0; p < outputs + 4; p++) {
        uint32_t pair = (uint16_t)in[p];
        if (p + 2 < outputs + stage->taps) pair = edgekws_dsp_pair(in + p);
        streams[p & 1][p / 2] = pair;
    }
    const samples_channel *channel = stage->weights;
#if EDGEKWS_DSP_ASM
    if (outputs == POSITIONS) {
        twelve_samples(streams[0], channel, out, stage->out_channels);
        return;
    }
#endif
    for (const edgekws_value *end = out + stage->out_channels; out != end; out++, channel++) {
        const edgekws_dsp_channel scaling = channel->scaling;
        const uint32_t first = channel->pairs[0], second = channel->pairs[1], third = channel->pairs[2];
        for (uint32_t odd = 0; odd < 2; odd++) {
            const uint32_t *pairs = streams[odd];
            edgekws_value *to = out + odd * stage->out_channels;
            uint32_t a = *pairs++, b = *pairs++, c;
#define PUT(x, y, z)                                                                                     \
    z = *pairs++;                                                                                        \
    *to = (edgekws_value)edgekws_dsp_relu(                                                               \
        edgekws_dsp_multiply(x, first,                                                                   \
                             edgekws_dsp_multiply(y, second, edgekws_dsp_multiply(z, third, scaling.bias))), \
        &scaling);                                                                                       \
    to += step;
            uint32_t left = (outputs + 1 - odd) / 2;
            for (; left >= 3; left -= 3) {
                PUT(a, b, c)
                PUT(b, c, a)
                PUT(c, a, b)
            }
            for (; left; left--) {
                PUT(a, b, c)
                a = b, b = c;
            }
#undef PUT
        }
    }
}
