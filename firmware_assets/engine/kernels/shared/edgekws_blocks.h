/* Shared by the kernels that sum block by block of output channels. A file defines these before it includes this one:
 *
 * BLOCK, TILE   channels of a block, and positions that `tile` takes
 * tile, single  the sums of TILE positions, or of one, with the channels of one block, in rows of BLOCK; `step` values lie
 *               between positions, `steps` steps of the kernel's own lie in the run that a position sees
 * put           outputs of one block from its sums: the maximum over each pool, requantized */
#ifndef EDGEKWS_BLOCKS_H
#define EDGEKWS_BLOCKS_H

static inline void edgekws_block_sums(const edgekws_value *in, size_t step, const int8_t *weights, uint32_t steps,
                                      int32_t *sums, uint32_t positions)
{
    if (positions < TILE) {
        for (; positions; positions--, in += step, sums += BLOCK) single(in, weights, steps, sums);
    } else {
        for (uint32_t p = 0; p < positions; p += TILE) { /* the last ones may overlap those before */
            const uint32_t first = p + TILE <= positions ? p : positions - TILE;
            tile(in + first * step, step, weights, steps, sums + first * BLOCK);
        }
    }
}

/* The whole call. Weights: (blocks, steps, step_bytes). */
static inline void edgekws_convolve_blocks(const edgekws_stage *stage, const edgekws_value *in, edgekws_value *out,
                                           uint32_t outputs, uint32_t pool, int32_t *sums, uint32_t steps,
                                           uint32_t step_bytes)
{
    const size_t step = (size_t)stage->stride * stage->in_channels;
    const int8_t *weights = stage->weights;
    for (uint32_t channel = 0; channel < stage->out_channels; channel += BLOCK, weights += steps * step_bytes) {
        edgekws_block_sums(in, step, weights, steps, sums, outputs * pool);
        put(stage, channel, sums, out + channel, outputs, pool);
    }
}

#endif
