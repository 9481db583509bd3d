/* Kernels for Helium (Arm's M-profile vector extension: Cortex-M52, M55, M85). Values are int8.
 *
 * The instruction that counts is VMLADAVA: 16 products of int8, summed into one 32-bit register. Its operands have to be
 * loaded, so the fewer loads, the fewer instructions: each kernel below says how it uses a load more than once.
 *
 * Here: any shape, dense layers, and single samples. kernels_mve_blocks.c has the convolutions that take most of the time. */
#include "edgekws_mve.h"

/* Any shape, any quantization. A vector of activations serves four output channels; requantising works on all four.
 *
 * Weights: int8, (out_channels / 4, taps * in_channels / 16, 4, 16), both quotients rounded up, filled with zeros; so up
 * to 15 values beyond a run are read and do not matter. */
static inline int32x4_t dot_four(const int8_t *in, const int8_t *weights, uint32_t vectors)
{
    int32_t sums[4] = {0, 0, 0, 0};
    register uint32_t count __asm__("lr") = vectors;
    __asm__("dls lr, lr\n"
            "1:\n"
            "vldrb.u8 q0, [%[in]], #16\n"
            "vldrw.u32 q1, [%[weights]], #16\n"
            "vldrw.u32 q2, [%[weights]], #16\n"
            "vmladava.s8 %[sum0], q0, q1\n"
            "vldrw.u32 q1, [%[weights]], #16\n"
            "vmladava.s8 %[sum1], q0, q2\n"
            "vldrw.u32 q2, [%[weights]], #16\n"
            "vmladava.s8 %[sum2], q0, q1\n"
            "vmladava.s8 %[sum3], q0, q2\n"
            "le lr, 1b\n"
            : [in] "+r"(in), [weights] "+r"(weights), "+r"(count), [sum0] "+Te"(sums[0]), [sum1] "+Te"(sums[1]),
              [sum2] "+Te"(sums[2]), [sum3] "+Te"(sums[3])
            :
            : "q0", "q1", "q2", "memory");
    return vld1q_s32(sums);
}

static inline int32x4_t requantize_four(const edgekws_scaling *scaling, uint32_t channel, int32x4_t sums)
{
    const int32x4_t shift = vldrbq_s32(scaling->shift + channel), zero = vdupq_n_s32(0);
    const int32x4_t left = vmaxq_s32(shift, zero), right = vminq_s32(shift, zero);
    const int32x4_t biased = vshlq_s32(vaddq_s32(sums, vld1q_s32(scaling->bias + channel)), left);
    const int32x4_t scaled = vqrdmulhq_s32(biased, vld1q_s32(scaling->multiplier + channel));
    const int32x4_t away = vqaddq_s32(scaled, vshrq_n_s32(vandq_s32(scaled, right), 31)); /* negative halves: down */
    const int32x4_t value = vaddq_n_s32(vrshlq_s32(away, right), scaling->zero_point);
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(scaling->minimum)), vdupq_n_s32(127));
}

void edgekws_convolve_mve(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out, uint32_t outputs,
                          uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t vectors = ((uint32_t)stage->taps * stage->in_channels + 15) / 16;
    const uint32_t step = (uint32_t)stage->stride * stage->in_channels, channels = stage->out_channels;
    (void)scratch;
    for (; outputs; outputs--, in += pool * step, out += channels) {
        const int8_t *weights = stage->weights;
        for (uint32_t channel = 0; channel < channels; channel += 4, weights += vectors * 64) {
            int32x4_t maximum = dot_four(in, weights, vectors);
            for (uint32_t position = 1; position < pool; position++)
                maximum = vmaxq_s32(maximum, dot_four(in + position * step, weights, vectors));
            vstrbq_p_s32(out + channel, requantize_four(&stage->scaling, channel, maximum), vctp32q(channels - channel));
        }
    }
}

/* The dot product of `count` values, any number. */
static inline int32_t dot(const int8_t *a, const int8_t *b, uint32_t count)
{
    int32_t sum = 0;
    for (; count > 16; count -= 16, a += 16, b += 16) sum = vmladavaq_s8(sum, vld1q_s8(a), vld1q_s8(b));
    const mve_pred16_t rest = vctp8q(count);
    return vmladavaq_p_s8(sum, vld1q_z_s8(a, rest), vld1q_z_s8(b, rest), rest);
}

void edgekws_dense_mve(const edgekws_dense *dense, const void *weights, const edgekws_value *in, uint32_t values,
                       int32_t *sums)
{
    const int8_t *row = weights;
    for (uint32_t unit = 0; unit < dense->units; unit++, row += values)
        sums[unit] = (int32_t)((uint32_t)sums[unit] + (uint32_t)dot(in, row, values));
}

/* Samples: one input channel, up to 5 taps, stride 1, no pool, a multiple of 4 channels out.
 *
 * Four positions lie side by side in a vector, one vector for each tap, and stay there for all channels. Weights: int32,
 * (out_channels, 8): five taps, bias, multiplier and shift, so that one LDM loads all that a channel needs. Four channels
 * of four positions are narrowed into each other; the order of channels 0, 2, 1, 3 in the weights makes every 32-bit
 * lane the four channels of one position, which a scatter stores. */
#define SAMPLE_CHANNEL(narrow, into)                                                                                   \
    "ldmia %[constants]!, {r0-r6, r8}\n"                                                                               \
    "vmul.i32 q5, q0, r0\n"                                                                                            \
    "vmla.s32 q5, q1, r1\n"                                                                                            \
    "vmla.s32 q5, q2, r2\n"                                                                                            \
    "vmla.s32 q5, q3, r3\n"                                                                                            \
    "vmla.s32 q5, q4, r4\n" SCALE_AND_NARROW("q5", "r5", "r6", "r8", narrow, into)

/* Out of line: the loop takes nearly every register. */
EDGEKWS_NOINLINE static void four_samples(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                          const uint32_t *offsets)
{
    const int32_t *constants = stage->weights;
    register const edgekws_value *x __asm__("r0") = in; /* ends as a weight */
    register uint32_t count __asm__("lr") = stage->out_channels / 4u;
    __asm__ volatile("vldrb.s32 q1, [r0, #1]\n"
                     "vldrb.s32 q2, [r0, #2]\n"
                     "vldrb.s32 q3, [r0, #3]\n"
                     "vldrb.s32 q4, [r0, #4]\n"
                     "vldrb.s32 q0, [r0]\n"
                     "dls lr, lr\n"
                     "1:\n" SAMPLE_CHANNEL("vqmovnb.s32", "q6") SAMPLE_CHANNEL("vqmovnt.s32", "q6") /* channels 0, 2 */
                     SAMPLE_CHANNEL("vqmovnb.s32", "q7") SAMPLE_CHANNEL("vqmovnt.s32", "q7")        /* channels 1, 3 */
                     "vqmovunb.s16 q6, q6\n"
                     "vqmovunt.s16 q6, q7\n"
                     "vldrw.u32 q7, [%[offsets]]\n"
                     "vadd.i8 q6, q6, %[minus_128]\n"
                     "vstrw.32 q6, [%[out], q7]\n"
                     "add %[out], #4\n"
                     "le lr, 1b\n"
                     : [constants] "+r"(constants), [out] "+r"(out), "+r"(count), "+r"(x)
                     : [offsets] "r"(offsets), [minus_128] "r"(-128)
                     : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7",
                       "cc", "memory");
}

static void one_sample(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out)
{
    const int32_t *constants = stage->weights;
    for (uint32_t channel = 0; channel < stage->out_channels; channel++) {
        const int32_t *row = constants + 8 * row_of(channel);
        int32_t sum = 0;
        for (uint32_t tap = 0; tap < stage->taps; tap++) sum += in[tap] * row[tap];
        out[channel] = scale_one(row + 5, sum);
    }
}

void edgekws_convolve_mve_samples(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                  uint32_t outputs, uint32_t pool, edgekws_scratch *scratch)
{
    const uint32_t channels = stage->out_channels;
    const uint32_t offsets[4] = {0, channels, 2 * channels, 3 * channels};
    (void)pool;
    (void)scratch;
    for (; outputs >= 4; outputs -= 4, in += 4, out += 4 * channels) four_samples(stage, in, out, offsets);
    for (; outputs; outputs--, in++, out += channels) one_sample(stage, in, out);
}
