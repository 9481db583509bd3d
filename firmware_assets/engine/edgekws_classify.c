/* The dense layers and the softmax, which follow the convolutions, in integers. They equal TensorFlow Lite Micro's
 * reference arithmetic to the bit. */
#include "edgekws_kernels.h"

#include <string.h>

#if EDGEKWS_EXPONENTIALS
/* Fixed point as in gemmlowp: Qi has i integer bits, 31 - i fractional bits. A product of Qa and Qb is a Q(a + b). */
enum { Q2_ONE = 1 << 29, Q2_48_OVER_17 = 1515870810, Q2_MINUS_32_OVER_17 = -1010580540 };

/* 1 / (1 + x) for 0 <= x < 1, both Q0: three steps of Newton and Raphson on d = (1 + x) / 2. */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t y = Q2_48_OVER_17 + edgekws_high_multiply(d, Q2_MINUS_32_OVER_17);
    for (int i = 0; i < 3; i++) y += edgekws_high_multiply(y, Q2_ONE - edgekws_high_multiply(d, y)) * 4;
    return y >= 1 << 30 ? INT32_MAX : y * 2; /* y, a Q2, is 2 / (1 + x) */
}

/* Softmax of int8 values in place, to scale 1/256 and zero point -128. A table has the exponentials of all differences
 * that do not vanish: Q0, from exp(0) on, in steps of the input's scale. */
static void softmax(int8_t *scores)
{
    int32_t maximum = INT8_MIN;
    for (uint32_t i = 0; i < EDGEKWS_CLASSES; i++)
        if (scores[i] > maximum) maximum = scores[i];

    uint32_t sum = 0; /* Q12 */
    for (uint32_t i = 0; i < EDGEKWS_CLASSES; i++) {
        const int32_t below = maximum - scores[i];
        if (below < EDGEKWS_EXPONENTIALS) sum += (uint32_t)edgekws_rounding_shift(edgekws_exponentials[below], 12);
    }
    int leading_zeros = 0; /* the sum is at least 1.0, so this ends */
    while (!(sum >> 31)) {
        sum <<= 1;
        leading_zeros++;
    }
    const int32_t scale = reciprocal_of_one_plus((int32_t)(sum & INT32_MAX));

    for (uint32_t i = 0; i < EDGEKWS_CLASSES; i++) {
        const int32_t below = maximum - scores[i];
        int32_t score = 0;
        if (below < EDGEKWS_EXPONENTIALS)
            score = edgekws_rounding_shift(edgekws_high_multiply(scale, edgekws_exponentials[below]),
                                           12 - leading_zeros + 31 - 8);
        scores[i] = (int8_t)(score > 255 ? 127 : score - 128);
    }
}
#endif

void edgekws_classify(int32_t *sums, edgekws_value *hidden, int8_t *scores)
{
    for (uint32_t i = 0;; i++) {
        const edgekws_dense *dense = &edgekws_dense_layers[i];
        if (i > 0) {
            memset(sums, 0, dense->units * sizeof *sums);
            dense->kernel(dense, dense->weights, hidden, dense->values, sums);
        }
        if (i + 1 == EDGEKWS_DENSE_LAYERS) {
            for (uint32_t u = 0; u < dense->units; u++)
                scores[u] = (int8_t)edgekws_requantize(&dense->scaling, u, sums[u]);
            break;
        }
        for (uint32_t u = 0; u < dense->units; u++) hidden[u] = edgekws_requantize(&dense->scaling, u, sums[u]);
    }
#if EDGEKWS_EXPONENTIALS
    softmax(scores);
#endif
}
