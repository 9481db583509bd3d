/* Direct convolution for cores with the DSP extension (Cortex-M4, M7, M33): 3 positions by 2 channels in registers.
 *
 * SMLAD does two multiply-accumulates, so what counts is how many loads come with it. Six sums (of 3 positions and 2
 * channels) stay in registers. The frames that they see are first copied so that the T + 2 pairs of values of one *pair
 * of channels* lie side by side in time: for one such row, of T taps, four registers slide along time while each weight
 * is loaded once for three positions.
 *
 *     row:     x0 x1 x2 x3 x4 x5 x6        T = 5: 8 loads for 30 SMLAD, 60 multiply-accumulates
 *     tap 0:   ^  ^  ^                     (a load of several registers counts as one)
 *     tap 1:      ^  ^  ^
 *     ...
 *
 * Shapes: T = 3 and 5 for stride 1 and an even number of channels in. T = 1 takes every other kernel and stride: its
 * rows are two neighbouring values of the run that a position sees. The pool is at most 12; any number of channels out.
 * Weights, for every two channels out: their two edgekws_dsp_channel; then for every row and tap a pair of int16 for
 * each of the two, or, narrow, four int8: c0 k0, c1 k0, c0 k1, c1 k1. The rows are padded with zeros to a multiple of
 * those that the loop does at a time.
 * Scratch: 12 sums for each of two channels, then the rows of every block of 3 positions. */
#include "edgekws_dsp.h"

enum { POSITIONS = 12, BLOCK = 3, UNROLLED = 4 }; /* rows that the loop does at a time */

/* All blocks of a call, for two channels out. */
typedef struct {
    const uint32_t *rows;
    const uint32_t *weights, *weights_end;
    const uint32_t *rows_end;
    int32_t *sums;      /* sums[channel][position] come here, POSITIONS a channel */
    edgekws_value *out; /* or, where this is not NULL, an output of each block, after pool 3 and ReLU, here */
    uint32_t step;      /* bytes from output to output */
} job;

#if EDGEKWS_DSP_ASM
/* Sums are r2 to r7, the row r8 to r11, weights r12 and lr; r0 and r1 walk through rows and weights. */
#define WIDE "ldrd r12, lr, [r1], #8\n"
#define NARROW "ldr lr, [r1], #4\n sxtb16 r12, lr\n sxtb16 lr, lr, ror #8\n"
#define TAP(x0, x1, x2)                                                                   \
    "smlad r2, " x0 ", r12, r2\n smlad r3, " x1 ", r12, r3\n smlad r4, " x2 ", r12, r4\n" \
    "smlad r5, " x0 ", lr, r5\n smlad r6, " x1 ", lr, r6\n smlad r7, " x2 ", lr, r7\n"
#define ROW_1(LOAD) "ldm r0!, {r8-r10}\n" LOAD TAP("r8", "r9", "r10")
#define ROW_3(LOAD)                                                                                     \
    "ldm r0!, {r8-r11}\n" LOAD TAP("r8", "r9", "r10") LOAD TAP("r9", "r10", "r11") "ldr r8, [r0], #4\n" \
    LOAD TAP("r10", "r11", "r8")
#define ROW_5(LOAD)                                                                                     \
    "ldm r0!, {r8-r11}\n" LOAD TAP("r8", "r9", "r10") LOAD TAP("r9", "r10", "r11") "ldm r0!, {r8-r9}\n" \
    LOAD TAP("r10", "r11", "r8") LOAD TAP("r11", "r8", "r9") "ldr r10, [r0], #4\n"                      \
    LOAD TAP("r8", "r9", "r10")
#define LARGER(a, b) "cmp " a ", " b "\n it lt\n movlt " a ", " b "\n"
#define RELU(sum)                                                                                                   \
    "ldm r8!, {r9-r12}\n add " sum ", r9, " sum ", lsl #1\n smmlar " sum ", " sum ", r10, r11\n asr " sum ", " sum \
    ", r12\n ssat " sum ", #8, " sum "\n"
/* Needs all registers, so it saves them itself. On its stack lie the fields of the job, from `weights` on. */
#define DEFINE_DOT(name, REPEAT, ROW)                                                                             \
    EDGEKWS_NOINLINE static void name(const job *work)                                                            \
    {                                                                                                             \
        register const job *r0 __asm__("r0") = work;                                                              \
        __asm__ volatile("push {r4-r11, lr}\n ldm r0, {r0-r6}\n push {r1-r6}\n"                                   \
                         "1: mov r2, #0\n mov r3, #0\n mov r4, #0\n mov r5, #0\n mov r6, #0\n mov r7, #0\n"       \
                         "2: .rept " REPEAT "\n" ROW ".endr\n"                                                    \
                         "ldr r8, [sp, #4]\n cmp r1, r8\n bne 2b\n"                                               \
                         "ldr r1, [sp]\n ldr lr, [sp, #16]\n cmp lr, #0\n beq 3f\n"                                  \
                         LARGER("r2", "r3") LARGER("r5", "r6") LARGER("r2", "r4") LARGER("r5", "r7")              \
                         "sub r8, r1, #32\n" RELU("r2") RELU("r5")                                                \
                         "strh r2, [lr]\n strh r5, [lr, #2]\n ldr r2, [sp, #20]\n add lr, lr, r2\n"               \
                         "str lr, [sp, #16]\n b 4f\n"                                                             \
                         "3: ldr r8, [sp, #12]\n stm r8!, {r2-r4}\n str r8, [sp, #12]\n"                          \
                         "add r8, r8, #36\n stm r8, {r5-r7}\n"                                                    \
                         "4: ldr r8, [sp, #8]\n cmp r0, r8\n bne 1b\n"                                            \
                         "add sp, sp, #24\n pop {r4-r11, lr}\n"                                                   \
                         : "+r"(r0) : : "r1", "r2", "r3", "r12", "cc", "memory");                                 \
    }
DEFINE_DOT(dot_1, "4", ROW_1(WIDE))
DEFINE_DOT(dot_3, "4", ROW_3(WIDE))
DEFINE_DOT(dot_5, "4", ROW_5(WIDE))
DEFINE_DOT(dot_1_narrow, "4", ROW_1(NARROW))
DEFINE_DOT(dot_3_narrow, "4", ROW_3(NARROW))
DEFINE_DOT(dot_5_narrow, "4", ROW_5(NARROW))
#else
/* Sums only. */
EDGEKWS_INLINE void dot(const job *work, uint32_t taps, bool narrow)
{
    int32_t *sums = work->sums;
    for (const uint32_t *rows = work->rows; rows != work->rows_end; sums += BLOCK) {
        for (uint32_t i = 0; i < BLOCK; i++) sums[i] = sums[POSITIONS + i] = 0;
        for (const uint32_t *weights = work->weights; weights != work->weights_end; rows += BLOCK - 1) {
            for (uint32_t tap = 0; tap < taps; tap++, rows++) {
                uint32_t first = *weights++, second;
                if (narrow) {
                    second = edgekws_dsp_widen(first >> 8);
                    first = edgekws_dsp_widen(first);
                } else {
                    second = *weights++;
                }
                for (uint32_t i = 0; i < BLOCK; i++) {
                    sums[i] = edgekws_dsp_multiply(rows[i], first, sums[i]);
                    sums[POSITIONS + i] = edgekws_dsp_multiply(rows[i], second, sums[POSITIONS + i]);
                }
            }
        }
    }
}
#define DEFINE_DOT(name, taps, narrow) \
    static void name(const job *work)  \
    {                                  \
        dot(work, taps, narrow);       \
    }
DEFINE_DOT(dot_1, 1, false)
DEFINE_DOT(dot_3, 3, false)
DEFINE_DOT(dot_5, 5, false)
DEFINE_DOT(dot_1_narrow, 1, true)
DEFINE_DOT(dot_3_narrow, 3, true)
DEFINE_DOT(dot_5_narrow, 5, true)
#endif

/* Pairs of values that lie side by side, to places `width` words apart. */
EDGEKWS_INLINE void copy_pairs(const edgekws_value *in, uint32_t pairs, uint32_t *to, uint32_t width)
{
    for (; pairs >= 4; pairs -= 4, in += 8, to += 4 * width) {
        const uint32_t a = edgekws_dsp_pair(in), b = edgekws_dsp_pair(in + 2);
        const uint32_t c = edgekws_dsp_pair(in + 4), d = edgekws_dsp_pair(in + 6);
        to[0] = a, to[width] = b, to[2 * width] = c, to[3 * width] = d;
    }
    for (; pairs; pairs--, in += 2, to += width) *to = edgekws_dsp_pair(in);
}

/* The rows of the block of 3 positions that begins at `in`, of which the first `positions` exist; the others' sums are
 * not used. A row of T taps: the same two channels of T + 2 frames. */
EDGEKWS_INLINE void copy_rows(uint32_t taps, const edgekws_stage *stage, const edgekws_value *in, uint32_t positions,
                              uint32_t *rows)
{
    const uint32_t width = taps + BLOCK - 1, channels = stage->in_channels;
    if (taps == 1) {
        const uint32_t run = stage->taps * channels, step = stage->stride * channels;
        for (; positions; positions--, in += step, rows++) {
            copy_pairs(in, run / 2, rows, width);
            if (run & 1) rows[run / 2 * width] = (uint16_t)in[run - 1];
        }
    } else {
        for (uint32_t f = 0; f < positions + taps - 1; f++, in += channels) copy_pairs(in, channels / 2, rows + f, width);
    }
}

EDGEKWS_INLINE void convolve(uint32_t taps, bool narrow, void dot_kind(const job *), const edgekws_stage *stage,
                             const edgekws_value *in, edgekws_value *out, uint32_t outputs, uint32_t pool,
                             edgekws_scratch *scratch)
{
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
    const uint32_t block = ((run / taps + 1) / 2 + UNROLLED - 1) / UNROLLED * UNROLLED; /* rows */
    const uint32_t words = block * taps * (narrow ? 1 : 2);                             /* of weights */
    const uint32_t width = block * (taps + BLOCK - 1);
    const uint32_t positions = outputs * pool;
    const bool at_once = EDGEKWS_DSP_ASM && pool == BLOCK && edgekws_dsp_is_relu(stage);
    int32_t *sums = scratch->words;
    uint32_t *rows = (uint32_t *)scratch->words + 2 * POSITIONS;
    job work = {.rows = rows, .weights = stage->weights, .rows_end = rows, .sums = sums,
                .step = stage->out_channels * (uint32_t)sizeof *out};

    for (uint32_t p = 0; p < positions; p += BLOCK, work.rows_end += width)
        copy_rows(taps, stage, in + p * stage->stride * stage->in_channels,
                  positions - p < BLOCK ? positions - p : BLOCK, rows + p / BLOCK * width);

    for (uint32_t c = 0; c < stage->out_channels; c += 2, work.weights = work.weights_end) {
        const bool both = c + 1 < stage->out_channels;
        const edgekws_dsp_channel *channels = (const void *)work.weights;
        work.weights += 8;
        work.weights_end = work.weights + words;
        work.out = at_once && both ? out + c : NULL;
        dot_kind(&work);
        if (work.out) continue;
        edgekws_dsp_put(stage, c, channels, sums, out, outputs, pool);
        if (both) edgekws_dsp_put(stage, c + 1, channels + 1, sums + POSITIONS, out, outputs, pool);
    }
}

#define DEFINE(suffix, taps, narrow)                                                                          \
    void edgekws_convolve_dsp_##suffix(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, \
                                       uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)             \
    {                                                                                                         \
        convolve(taps, narrow, dot_##suffix, stage, in, out, outputs, pool, scratch);                         \
    }
DEFINE(1, 1, false)
DEFINE(3, 3, false)
DEFINE(5, 5, false)
DEFINE(1_narrow, 1, true)
DEFINE(3_narrow, 3, true)
DEFINE(5_narrow, 5, true)

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
/* Twelve positions of all channels. A channel's constants are r4 to r10, the pairs r11, r12 and lr, the sum r1; r0
 * walks through the streams, r2 through the output in steps of r3, two frames. */
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
    /* Needs all registers, so it saves them itself. */
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
