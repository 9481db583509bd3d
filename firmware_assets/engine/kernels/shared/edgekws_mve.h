/* Shared by the kernels for Helium whose outputs are cut off by ReLU (kernels_mve.c, kernels_mve_blocks.c): from sums to
 * outputs.
 *
 * VQRDMULH is TensorFlow Lite's high multiply. VRSHL rounds halves up, not away from zero, which differs for negative
 * results only; where ReLU cuts these off, it is exact. These kernels are chosen only then (zero point and minimum -128,
 * shifts to the right); saturating to uint8 and subtracting 128 does the rest. */
#ifndef EDGEKWS_MVE_H
#define EDGEKWS_MVE_H

#include "edgekws_kernels.h"

#include <arm_mve.h>

/* Four sums of a channel; four channels are narrowed into each other, in the order 0, 2, 1, 3, so that every 32-bit lane
 * ends as the four channels of one position. */
#define SCALE_AND_NARROW(sums, bias, multiplier, shift, narrow, into)                                                  \
    "vadd.i32 " sums ", " sums ", " bias "\n"                                                                          \
    "vqrdmulh.s32 " sums ", " sums ", " multiplier "\n"                                                                \
    "vrshl.s32 " sums ", " shift "\n"                                                                                  \
    narrow " " into ", " sums "\n"

/* The same for one sum, by its channel's bias, multiplier and shift. */
static inline edgekws_value scale_one(const int32_t *constants, int32_t sum)
{
    const int32_t biased = (int32_t)((uint32_t)sum + (uint32_t)constants[0]);
    const int32_t value = edgekws_rounding_shift(edgekws_high_multiply(biased, constants[1]), -constants[2]) - 128;
    return (edgekws_value)(value < -128 ? -128 : value > 127 ? 127 : value);
}

/* Where the constants of a channel stand: of every four, 1 and 2 change places. */
static inline uint32_t row_of(uint32_t channel)
{
    return channel % 4 % 3 ? channel ^ 3 : channel;
}

#endif
