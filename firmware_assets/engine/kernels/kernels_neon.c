/* Kernels for 64-bit Arm. Values and weights are int8.
 *
 * Four values' weights for four output channels lie in a vector. Where the compiler may use the dot product (ARMv8.2's
 * SDOT, -march=armv8.2-a+dotprod), one instruction multiplies them with four activations and adds to four sums: 16
 * multiply-accumulates. Elsewhere three instructions do as much: SMULL and SMLAL add two products in 16 bits, which hold
 * them since no weight is -128 (the generator sees to that), and SADALP adds these to the sums. Four positions times eight
 * channels share their loads.
 *
 * Weights: int8, (out_channels / 8, taps * in_channels / 4, 8, 4), filled with zeros to whole blocks and steps of eight
 * values; so up to seven values beyond a run are read and do not matter. Any shape, any quantization. */
#include "edgekws_kernels.h"

#include <arm_neon.h>
#include <string.h>

enum { BLOCK = 8, TILE = 4, STEP = 8 };

/* Of one step: channels 0 to 3 and 4 to 7 of the first four values, then of the second four. */
#define LOAD_WEIGHTS                                                                              \
    const int8x16_t w0 = vld1q_s8(weights), w1 = vld1q_s8(weights + 16);                          \
    const int8x16_t w2 = vld1q_s8(weights + 32), w3 = vld1q_s8(weights + 48);

#ifdef __ARM_FEATURE_DOTPROD

#define ADD(in, low, high)                        \
    {                                             \
        const int8x8_t x = vld1_s8(in);           \
        low = vdotq_lane_s32(low, w0, x, 0);      \
        high = vdotq_lane_s32(high, w1, x, 0);    \
        low = vdotq_lane_s32(low, w2, x, 1);      \
        high = vdotq_lane_s32(high, w3, x, 1);    \
        in += STEP;                               \
    }

static inline void store(int32_t *sums, int32x4_t low, int32x4_t high)
{
    vst1q_s32(sums, low);
    vst1q_s32(sums + 4, high);
}
#define DECLARE(low, high) int32x4_t low = vdupq_n_s32(0), high = low
#define STORE store
#else
/* Of each channel two partial sums: so four of two channels a vector. */
#define DECLARE(low, high) int32x4_t low##0 = vdupq_n_s32(0), low##1 = low##0, high##0 = low##0, high##1 = low##0
#define STORE(sums, low, high)                           \
    {                                                    \
        vst1q_s32(sums, vpaddq_s32(low##0, low##1));     \
        vst1q_s32((sums) + 4, vpaddq_s32(high##0, high##1)); \
    }

/* In assembly, since compilers make more products at once than fit the registers. */
#define ADD(in, low, high)                                                                                         \
    {                                                                                                              \
        int8x16_t x0, x1;                                                                                          \
        int16x8_t p0, p1, p2, p3;                                                                                  \
        __asm__("ld1r {%0.4s}, [%2], #4\n ld1r {%1.4s}, [%2], #4\n"                                                \
                : "=&w"(x0), "=&w"(x1), "+r"(in)                                                                   \
                : "m"(*(const int8_t(*)[STEP])(in)));                                                              \
        __asm__("smull %4.8h, %8.8b, %12.8b\n smull2 %5.8h, %8.16b, %12.16b\n"                                     \
                "smull %6.8h, %9.8b, %12.8b\n smull2 %7.8h, %9.16b, %12.16b\n"                                     \
                "smlal %4.8h, %10.8b, %13.8b\n smlal2 %5.8h, %10.16b, %13.16b\n"                                   \
                "smlal %6.8h, %11.8b, %13.8b\n smlal2 %7.8h, %11.16b, %13.16b\n"                                   \
                "sadalp %0.4s, %4.8h\n sadalp %1.4s, %5.8h\n sadalp %2.4s, %6.8h\n sadalp %3.4s, %7.8h\n"          \
                : "+w"(low##0), "+w"(low##1), "+w"(high##0), "+w"(high##1), "=&w"(p0), "=&w"(p1), "=&w"(p2),      \
                  "=&w"(p3)                                                                                        \
                : "w"(w0), "w"(w1), "w"(w2), "w"(w3), "w"(x0), "w"(x1));                                           \
    }
#endif

EDGEKWS_NOINLINE static void tile(const int8_t *in, size_t step, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    const int8_t *in1 = in + step, *in2 = in1 + step, *in3 = in2 + step;
    DECLARE(a, b);
    DECLARE(c, d);
    DECLARE(e, f);
    DECLARE(g, h);
    for (const int8_t *end = weights + steps * BLOCK * STEP; weights != end; weights += BLOCK * STEP) {
        LOAD_WEIGHTS
        ADD(in, a, b)
        ADD(in1, c, d)
        ADD(in2, e, f)
        ADD(in3, g, h)
    }
    STORE(sums, a, b);
    STORE(sums + BLOCK, c, d);
    STORE(sums + 2 * BLOCK, e, f);
    STORE(sums + 3 * BLOCK, g, h);
}

static void single(const int8_t *in, const int8_t *weights, uint32_t steps, int32_t *sums)
{
    DECLARE(a, b);
    for (; steps; steps--, weights += BLOCK * STEP) {
        LOAD_WEIGHTS
        ADD(in, a, b)
    }
    STORE(sums, a, b);
}

/* Four channels' scaling. SQRDMULH is TensorFlow Lite's high multiply. SRSHL rounds halves up, not away from zero: so one
 * is taken from negative values first, where they are shifted at all. */
typedef struct {
    int32x4_t bias, multiplier, left, right;
} scale;

static inline scale scale_of(const edgekws_scaling *by, uint32_t channel)
{
    int32_t shifts[4];
    for (uint32_t i = 0; i < 4; i++) shifts[i] = by->shift[channel + i];
    const int32x4_t shift = vld1q_s32(shifts), zero = vdupq_n_s32(0);
    const scale made = {vld1q_s32(by->bias + channel), vld1q_s32(by->multiplier + channel), vmaxq_s32(shift, zero),
                        vminq_s32(shift, zero)};
    return made;
}

static inline int16x4_t scaled(int32x4_t sums, scale by)
{
    const int32x4_t x = vqrdmulhq_s32(vshlq_s32(vaddq_s32(sums, by.bias), by.left), by.multiplier);
    const int32x4_t away = vqaddq_s32(x, vshrq_n_s32(vandq_s32(x, by.right), 31));
    return vqmovn_s32(vrshlq_s32(away, by.right));
}

static void put(const edgekws_stage *stage, uint32_t channel, const int32_t *sums, int8_t *out, uint32_t outputs,
                uint32_t pool)
{
    const scale first = scale_of(&stage->scaling, channel), second = scale_of(&stage->scaling, channel + 4);
    const int16x8_t zero_point = vdupq_n_s16(stage->scaling.zero_point);
    const int8x8_t minimum = vdup_n_s8((int8_t)stage->scaling.minimum);
    const uint32_t there = stage->out_channels - channel, channels = stage->out_channels;
    for (; outputs; outputs--, out += channels) {
        int32x4_t low = vld1q_s32(sums), high = vld1q_s32(sums + 4);
        sums += BLOCK;
        for (uint32_t p = 1; p < pool; p++, sums += BLOCK) {
            low = vmaxq_s32(low, vld1q_s32(sums));
            high = vmaxq_s32(high, vld1q_s32(sums + 4));
        }
        const int16x8_t values = vqaddq_s16(vcombine_s16(scaled(low, first), scaled(high, second)), zero_point);
        const int8x8_t narrow = vmax_s8(vqmovn_s16(values), minimum);
        if (there >= BLOCK) {
            vst1_s8(out, narrow);
        } else {
            int8_t last[BLOCK];
            vst1_s8(last, narrow);
            memcpy(out, last, there);
        }
    }
}

#include "edgekws_blocks.h"

void edgekws_convolve_neon(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                           uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t steps = ((uint32_t)stage->taps * stage->in_channels + STEP - 1) / STEP;
    edgekws_convolve_blocks(stage, in, out, outputs, pool, scratch->words, steps, BLOCK * STEP);
}
