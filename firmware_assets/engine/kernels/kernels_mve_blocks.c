/* Kernels for Helium: convolutions whose outputs are cut off by ReLU, 16 output channels at a time. */
#include "edgekws_mve.h"

/* A multiple of 16 channels in, of 4 channels out, stride 1, few taps: one function for each C channels and T taps.
 *
 * Four positions times two output channels are eight sums, in the eight registers that VMLADAVA can add to. 16 channels
 * at a time, a vector of weights serves four positions; a vector of activations serves both channels and, since the
 * positions are neighbours, up to four taps: 8 + 2 T loads for 8 T VMLADAVA. 16 output channels at a time, the sums of up
 * to SLOTS positions go to the scratch memory, from which pooling and requantising gather four channels a vector.
 *
 * Weights, for every 16 output channels, fewer at the end: int32 (16, 3), bias, multiplier and shift of channels 0, 2, 1,
 * 3, 4, 6, ...; then int8 (8, C / 16, T, 2, 16). */
enum { SLOTS = 12, BLOCK = 16, LANES = 16 };

#define ACCUMULATE(instruction, weights, x0, x1, x2, x3, sum0, sum1, sum2, sum3)                                       \
    instruction " " sum0 ", " weights ", " x0 "\n" instruction " " sum1 ", " weights ", " x1 "\n"                      \
    instruction " " sum2 ", " weights ", " x2 "\n" instruction " " sum3 ", " weights ", " x3 "\n"

#define BOTH(instruction, x0, x1, x2, x3)                                                                              \
    ACCUMULATE(instruction, "q4", x0, x1, x2, x3, "r0", "r4", "r8", "r12")                                             \
    ACCUMULATE(instruction, "q5", x0, x1, x2, x3, "r2", "r6", "r10", "lr")

#define WEIGHTS "vldrw.u32 q4, [%[weights]], #16\nvldrw.u32 q5, [%[weights]], #16\n"
#define FRAME(x, base, frame) "vldrw.u32 " x ", [" base ", #at + " #frame " * %c[channels]]\n"
#define TAP(frame, x0, x1, x2, x3) frame WEIGHTS BOTH("vmladava.s8", x0, x1, x2, x3)

#define TAPS_3                                                                                                         \
    TAP(FRAME("q0", "%[late]", 0), "q1", "q2", "q3", "q0") TAP(FRAME("q1", "%[late]", 1), "q2", "q3", "q0", "q1")
#define TAPS_5                                                                                                         \
    TAPS_3 TAP(FRAME("q2", "%[late]", 2), "q3", "q0", "q1", "q2") TAP(FRAME("q3", "%[late]", 3), "q0", "q1", "q2", "q3")

/* The sums of four positions from `in` on with 16 output channels; `late` is four frames later, within reach of offsets. */
#define DEFINE_TILE(C, T)                                                                                              \
    static void tile_##C##x##T(const int8_t *in, const int8_t *weights, int32_t *sums, uint32_t pairs)                 \
    {                                                                                                                  \
        __asm__ volatile("1: .set at, 0\n"                                                                             \
                         ".rept %c[channels] / 16\n"                                                                   \
                         FRAME("q0", "%[in]", 0) FRAME("q1", "%[in]", 1) FRAME("q2", "%[in]", 2)                       \
                         FRAME("q3", "%[in]", 3) WEIGHTS                                                               \
                         ".if at\n" BOTH("vmladava.s8", "q0", "q1", "q2", "q3")                                        \
                         ".else\n" BOTH("vmladav.s8", "q0", "q1", "q2", "q3")                                          \
                         ".endif\n" TAPS_##T                                                                           \
                         ".set at, at + 16\n"                                                                          \
                         ".endr\n"                                                                                     \
                         "stmia %[sums], {r0, r2, r4, r6, r8, r10, r12, lr}\n"                                         \
                         "add %[sums], #8 * %c[slots]\n"                                                               \
                         "subs %[pairs], #1\n"                                                                         \
                         "bne 1b\n"                                                                                    \
                         : [weights] "+r"(weights), [sums] "+r"(sums), [pairs] "+r"(pairs)                             \
                         : [in] "r"(in), [late] "r"(in + 4 * C), [channels] "i"(C), [slots] "i"(SLOTS)                 \
                         : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "cc", \
                           "memory");                                                                                  \
    }

/* The same for a single position, where there are fewer than four. */
static void single(const edgekws_stage *stage, const int8_t *in, const int8_t *weights, int32_t *sums, uint32_t pairs)
{
    for (; pairs; pairs--, sums += 2 * SLOTS) {
        sums[0] = sums[1] = 0;
        for (uint32_t channel = 0; channel < stage->in_channels; channel += LANES) {
            for (uint32_t tap = 0; tap < stage->taps; tap++, weights += 2 * LANES) {
                const int8x16_t x = vld1q_s8(in + tap * stage->in_channels + channel);
                sums[0] = vmladavaq_s8(sums[0], x, vld1q_s8(weights));
                sums[1] = vmladavaq_s8(sums[1], x, vld1q_s8(weights + LANES));
            }
        }
    }
}

/* From sums to outputs. Lanes are four outputs; the sums of each position and channel are gathered from their addresses.
 * Four channels are narrowed into each other (edgekws_mve.h). */
#define GATHER(sums, channel, position) "vldrw.u32 " sums ", [q4, #" #channel " + 8 * " #position "]\n"
#define POOL_1(channel) GATHER("q0", channel, 0)
#define POOL_3(channel)                                                                                                \
    GATHER("q0", channel, 0) GATHER("q1", channel, 1) "vmax.s32 q0, q0, q1\n" GATHER("q1", channel, 2)                 \
    "vmax.s32 q0, q0, q1\n"
#define CHANNEL(maximum, narrow, into)                                                                                 \
    "ldmia %[constants]!, {r0-r2}\n" maximum SCALE_AND_NARROW("q0", "r0", "r1", "r2", narrow, into)

#define DEFINE_FOUR_OUTPUTS(POOL)                                                                                      \
    static void four_outputs_##POOL(const int32_t *constants, const int32_t *sums, edgekws_value *out,                 \
                                    uint32_t channels, uint32_t block)                                                 \
    {                                                                                                                  \
        register uint32_t count __asm__("lr") = block / 4;                                                             \
        uint32_t lane = 0, stride = 8 * POOL;                                                                          \
        __asm__ volatile("vidup.u32 q4, %[lane], #1\n"                                                                 \
                         "vmul.i32 q5, q4, %[channels]\n"                                                              \
                         "vmul.i32 q4, q4, %[stride]\n"                                                                \
                         "vadd.i32 q4, q4, %[sums]\n"                                                                  \
                         "dls lr, lr\n"                                                                                \
                         "1:\n" CHANNEL(POOL_##POOL(0), "vqmovnb.s32", "q2")                                           \
                         CHANNEL(POOL_##POOL(8 * %c[slots]), "vqmovnt.s32", "q2")                                      \
                         CHANNEL(POOL_##POOL(4), "vqmovnb.s32", "q3")                                                  \
                         CHANNEL(POOL_##POOL(8 * %c[slots] + 4), "vqmovnt.s32", "q3")                                  \
                         "vqmovunb.s16 q2, q2\n"                                                                       \
                         "vqmovunt.s16 q2, q3\n"                                                                       \
                         "vadd.i32 q4, q4, %[two_pairs]\n"                                                             \
                         "vadd.i8 q2, q2, %[minus_128]\n"                                                              \
                         "vstrw.32 q2, [%[out], q5]\n"                                                                 \
                         "add %[out], #4\n"                                                                            \
                         "le lr, 1b\n"                                                                                 \
                         : [constants] "+r"(constants), [out] "+r"(out), [lane] "+Te"(lane), "+r"(count)               \
                         : [sums] "r"(sums), [channels] "r"(channels), [stride] "r"(stride), [slots] "i"(SLOTS),       \
                           [two_pairs] "r"(16 * SLOTS), [minus_128] "r"(-128)                                          \
                         : "r0", "r1", "r2", "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");                      \
    }

DEFINE_FOUR_OUTPUTS(1)
DEFINE_FOUR_OUTPUTS(3)

static void one_output(const int32_t *constants, const int32_t *sums, uint32_t pool, edgekws_value *out, uint32_t block)
{
    for (uint32_t channel = 0; channel < block; channel++) {
        const int32_t *sum = sums + channel / 2 * 2 * SLOTS + channel % 2;
        int32_t maximum = sum[0];
        for (uint32_t i = 1; i < pool; i++)
            if (sum[2 * i] > maximum) maximum = sum[2 * i];
        out[channel] = scale_one(constants + 3 * row_of(channel), maximum);
    }
}

typedef void tile_function(const int8_t *in, const int8_t *weights, int32_t *sums, uint32_t pairs);

static void tiles(const edgekws_stage *stage, const int8_t *in, const int8_t *weights, int32_t *sums, uint32_t positions,
                  uint32_t pairs, tile_function *tile)
{
    const uint32_t channels = stage->in_channels;
    if (positions < 4) {
        for (uint32_t p = 0; p < positions; p++) single(stage, in + p * channels, weights, sums + 2 * p, pairs);
    } else {
        for (uint32_t p = 0; p < positions; p += 4) { /* the last four may overlap those before */
            const uint32_t first = p + 4 <= positions ? p : positions - 4;
            tile(in + first * channels, weights, sums + 2 * first, pairs);
        }
    }
}

/* Any stride and any number of channels in: the run that a position sees lies side by side, so that its sum is one long
 * dot product. Weights as above, but int8 (8, vectors, 2, 16), zeros after each run; up to 15 values beyond it are read.
 *
 * Runs of up to three vectors, a first layer's 40 samples among them: the weights of two channels stay in six registers,
 * and the positions pass by, two at a time. */
#define SHORT_VECTOR(V, x, base, at, first, second, sum0, sum1)                                                        \
    ".if " #V " * 16 > " #at "\n"                                                                                      \
    "vldrb.u8 " x ", [" base ", #" #at "]\n"                                                                           \
    ".if " #at "\nvmladava.s8 " sum0 ", " first ", " x "\nvmladava.s8 " sum1 ", " second ", " x "\n"                    \
    ".else\nvmladav.s8 " sum0 ", " first ", " x "\nvmladav.s8 " sum1 ", " second ", " x "\n.endif\n"                    \
    ".endif\n"
#define SHORT_POSITION(V, base, sum0, sum1)                                                                            \
    SHORT_VECTOR(V, "q0", base, 0, "q2", "q3", sum0, sum1) SHORT_VECTOR(V, "q1", base, 16, "q4", "q5", sum0, sum1)     \
    SHORT_VECTOR(V, "q0", base, 32, "q6", "q7", sum0, sum1)
#define LOAD_SHORT(first, second) "vldrw.u32 " first ", [r5], #16\n vldrw.u32 " second ", [r5], #16\n"

/* All pairs of channels of a block; `twos` is half the positions. */
#define DEFINE_SHORT(V)                                                                                                \
    EDGEKWS_NOINLINE static void short_##V(const int8_t *in, uint32_t step, const int8_t *weights, int32_t *sums,      \
                                           uint32_t twos, uint32_t pairs)                                              \
    {                                                                                                                  \
        register const int8_t *x __asm__("r1") = in;                                                                   \
        register uint32_t steps __asm__("r3") = 2 * step;                                                              \
        register const int8_t *w __asm__("r5") = weights;                                                              \
        register int32_t *to __asm__("r8") = sums;                                                                     \
        const uint32_t back = 2 * step * twos, ahead = (SLOTS - 2 * twos) * 8;                                         \
        __asm__ volatile("1: " LOAD_SHORT("q2", "q3") ".if " #V " > 1\n" LOAD_SHORT("q4", "q5") ".endif\n"             \
                         ".if " #V " > 2\n" LOAD_SHORT("q6", "q7") ".endif\n"                                         \
                         "add r9, r1, r3, lsr #1\n"                                                                    \
                         "dls lr, %[twos]\n"                                                                           \
                         "2:\n" SHORT_POSITION(V, "r1", "r0", "r2") SHORT_POSITION(V, "r9", "r4", "r6")                \
                         "add r1, r3\n"                                                                                \
                         "add r9, r3\n"                                                                                \
                         "stmia r8!, {r0, r2, r4, r6}\n"                                                               \
                         "le lr, 2b\n"                                                                                 \
                         "sub r1, %[back]\n"                                                                           \
                         "add r8, %[ahead]\n"                                                                          \
                         "subs %[pairs], #1\n"                                                                         \
                         "bne 1b\n"                                                                                    \
                         : "+r"(x), "+r"(steps), "+r"(w), "+r"(to), [pairs] "+r"(pairs)                                \
                         : [twos] "r"(twos), [back] "r"(back), [ahead] "r"(ahead)                                      \
                         : "r0", "r2", "r4", "r6", "r9", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc",   \
                           "memory");                                                                                  \
    }
DEFINE_SHORT(1)
DEFINE_SHORT(2)
DEFINE_SHORT(3)

/* Longer ones: four positions times two channels as above, without sharing frames among taps. */
typedef struct {
    const int8_t *in[4]; /* long_tile sets them */
    const int8_t *weights;
    uint32_t vectors; /* but the first */
    int32_t *sums, *end;
} job;

#define LONG_VECTOR(instruction)                                                                                       \
    "vldrb.u8 q0, [r1], #16\n vldrb.u8 q1, [r3], #16\n vldrw.u32 q4, [r9], #16\n vldrw.u32 q5, [r9], #16\n"            \
    "vldrb.u8 q2, [r5], #16\n vldrb.u8 q3, [r7], #16\n" BOTH(instruction, "q0", "q1", "q2", "q3")
EDGEKWS_NOINLINE static void long_tile(job *work, const int8_t *in, uint32_t step)
{
    register job *r0 __asm__("r0") = work;
    register const int8_t *r1 __asm__("r1") = in;
    register uint32_t r2 __asm__("r2") = step;
    /* Needs all registers, so it saves them itself. */
    __asm__ volatile("push {r0, r4-r11, lr}\n"
                     "ldr r9, [r0, #16]\n"
                     "add r3, r1, r2\n add r5, r3, r2\n add r7, r5, r2\n"
                     "stm r0, {r1, r3, r5, r7}\n"
                     "1: ldm r0, {r1, r3, r5, r7}\n"
                     "ldr r11, [r0, #20]\n" LONG_VECTOR("vmladav.s8")
                     "lsrs r11, #1\n"
                     "bcc 2f\n" LONG_VECTOR("vmladava.s8")
                     "2: lsrs r11, #1\n"
                     "bcc 3f\n" LONG_VECTOR("vmladava.s8") LONG_VECTOR("vmladava.s8")
                     "3: cmp r11, #0\n"
                     "beq 5f\n"
                     "4: " LONG_VECTOR("vmladava.s8") LONG_VECTOR("vmladava.s8")
                     LONG_VECTOR("vmladava.s8") LONG_VECTOR("vmladava.s8")
                     "subs r11, #1\n"
                     "bne 4b\n"
                     "5: ldr r1, [sp]\n"
                     "ldrd r3, r5, [r1, #24]\n"
                     "stm r3, {r0, r2, r4, r6, r8, r10, r12, lr}\n"
                     "add r3, #8 * %c[slots]\n"
                     "str r3, [r1, #24]\n"
                     "mov r0, r1\n"
                     "cmp r3, r5\n"
                     "bne 1b\n"
                     "pop {r0, r4-r11, lr}\n"
                     : "+r"(r0), "+r"(r1), "+r"(r2)
                     : [slots] "i"(SLOTS)
                     : "r3", "r12", "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");
}

/* Of one position and channel. */
static int32_t long_sum(const int8_t *in, const int8_t *weights, uint32_t vectors)
{
    int32_t sum = 0;
    for (; vectors; vectors--, in += LANES, weights += 2 * LANES) sum = vmladavaq_s8(sum, vld1q_s8(in), vld1q_s8(weights));
    return sum;
}

static void runs(const edgekws_stage *stage, const int8_t *in, const int8_t *weights, int32_t *sums, uint32_t positions,
                 uint32_t pairs)
{
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels;
    const uint32_t vectors = ((uint32_t)stage->taps * stage->in_channels + LANES - 1) / LANES;
    if (positions > 1 && vectors <= 3) {
        for (uint32_t odd = positions & 1; positions > 1; odd = 0) { /* of an odd number, the last two again */
            (vectors == 3 ? short_3 : vectors == 2 ? short_2 : short_1)(in, step, weights, sums, positions / 2, pairs);
            if (!odd) break;
            in += (positions - 2) * step, sums += 2 * (positions - 2), positions = 2;
        }
    } else if (positions < 4) {
        for (; pairs; pairs--, sums += 2 * SLOTS, weights += 2 * LANES * vectors)
            for (uint32_t p = 0; p < 2 * positions; p++)
                sums[p] = long_sum(in + p / 2 * step, weights + p % 2 * LANES, vectors);
    } else {
        job work = {.weights = weights, .vectors = vectors - 1};
        for (uint32_t p = 0; p < positions; p += 4) {
            const uint32_t first = p + 4 <= positions ? p : positions - 4;
            work.sums = sums + 2 * first;
            work.end = work.sums + pairs * 2 * SLOTS;
            long_tile(&work, in + first * step, step);
        }
    }
}

/* `tile` for the shapes that have one, else NULL. */
static void convolve(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                     uint32_t pool, int32_t *sums, tile_function *tile)
{
    const uint32_t fours = pool == 1 || pool == 3 ? outputs / 4 * 4 : 0, positions = outputs * pool;
    const uint32_t run = (uint32_t)stage->taps * stage->in_channels;
    const int8_t *next = stage->weights;
    for (uint32_t first = 0; first < stage->out_channels; first += BLOCK) {
        const uint32_t left = stage->out_channels - first, block = left < BLOCK ? left : BLOCK;
        const int32_t *constants = (const void *)next;
        const int8_t *weights = next + 12 * block;
        edgekws_value *to = out + first;
        uint32_t output = 0;
        if (tile)
            tiles(stage, in, weights, sums, positions, block / 2, tile);
        else
            runs(stage, in, weights, sums, positions, block / 2);
        for (; output < fours; output += 4, to += 4u * stage->out_channels)
            (pool == 1 ? four_outputs_1 : four_outputs_3)(constants, sums + 2 * output * pool, to, stage->out_channels,
                                                          block);
        for (; output < outputs; output++, to += stage->out_channels)
            one_output(constants, sums + 2 * output * pool, pool, to, block);
        next = weights + block * ((run + LANES - 1) / LANES * LANES);
    }
}

void edgekws_convolve_mve_run(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                              uint32_t pool, edgekws_scratch *scratch)
{
    convolve(stage, in, out, outputs, pool, scratch->words, NULL);
}

#define DEFINE_KERNEL(C, T)                                                                                            \
    DEFINE_TILE(C, T)                                                                                                  \
    void edgekws_convolve_mve_##C##x##T(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,       \
                                        uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)                     \
    {                                                                                                                  \
        convolve(stage, in, out, outputs, pool, scratch->words, tile_##C##x##T);                                       \
    }

DEFINE_KERNEL(16, 5)
DEFINE_KERNEL(32, 5)
DEFINE_KERNEL(48, 5)
DEFINE_KERNEL(64, 5)
DEFINE_KERNEL(96, 5)
DEFINE_KERNEL(128, 5)
DEFINE_KERNEL(64, 3)
DEFINE_KERNEL(128, 3)
