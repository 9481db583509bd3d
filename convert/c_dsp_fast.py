"""The kernel set `dsp_fast`: Toom-Cook convolution (kernels_dsp_fast.c) where it is proved exact and pays."""

from __future__ import annotations

import numpy as np

from convert import c_dsp
from convert.c_kernels import Kernel, KernelSet, Stage

POINTS = 8
CHUNK = 32  # channels in
MAX_CHANNELS = 128  # in
SCALE = 360  # of the kernel's sums
LONG_FROM = 500  # positions a window; below it, the weights' flash, 3.2 times the int8, is not worth it
TRANSFORM = np.array(  # of the filter: points by taps
    [
        [-90, 0, 0, 0, 0],
        [-20, -20, -20, -20, -20],
        [-20, 20, -20, 20, -20],
        [1, 2, 4, 8, 16],
        [1, -2, 4, -8, 16],
        [16, 8, 4, 2, 1],
        [16, -8, 4, -2, 1],
        [0, 0, 0, 0, 90],
    ]
)
SUMS_BYTES = c_dsp.POSITIONS * 4
CHUNK_BYTES = POINTS * (CHUNK // 2 + 2) * c_dsp.BLOCK * 4


def stage(stage: Stage, positions: int | None) -> Kernel:
    """Toom-Cook, or the direct kernel and why."""
    problem = c_dsp.problem_of(stage) or _problem(stage)
    if problem:
        direct = c_dsp.stage(stage, positions)
        reason = f"not Toom-Cook: {problem}; {direct.reason}"
        return Kernel(direct.function, direct.weights, direct.positions, reason, direct.scratch_bytes)
    return Kernel(
        "edgekws_convolve_dsp_fast",
        c_dsp.with_channels(stage, _transformed(stage.weights)),
        max(min(positions or c_dsp.POSITIONS, c_dsp.POSITIONS), stage.pool),
        f"Toom-Cook F(4, 5): {SCALE} times a sum is at most {largest_sum(stage)}, within 32 bits",
        scratch_bytes=stage.in_channels // CHUNK * CHUNK_BYTES + SUMS_BYTES,
    )


def largest_sum(stage: Stage) -> int:
    """The bound of the kernel's scaled sums, from the actual weights: any values that int8 can take, any sign."""
    return SCALE * 128 * int(np.abs(stage.weights.astype(np.int64)).sum(axis=(1, 2)).max())


def _problem(stage: Stage) -> str:
    if stage.taps != 5 or stage.stride != 1:
        return "it is for 5 taps and stride 1"
    if stage.in_channels % CHUNK or stage.in_channels > MAX_CHANNELS:
        return f"it is for channels in by {CHUNK}, up to {MAX_CHANNELS}"
    if stage.conv_length < LONG_FROM:
        return f"{stage.conv_length} positions a window do not repay its flash"
    if largest_sum(stage) >= 2**31:
        return f"{SCALE} times a sum may reach {largest_sum(stage)}, more than 32 bits"
    return ""


def _transformed(weights: np.ndarray) -> np.ndarray:
    """int8 (out, taps, in) → words (pairs of channels out, chunks, points, pairs of channels in, 2 channels out)."""
    out, _, channels = weights.shape
    points = np.zeros((out + out % 2, POINTS, channels), "<i2")
    points[:out] = np.einsum("pt,oti->opi", TRANSFORM, weights.astype(np.int64))
    split = points.reshape(len(points) // 2, 2, POINTS, channels // CHUNK, CHUNK // 2, 2)
    ordered = np.ascontiguousarray(split.transpose(0, 3, 2, 4, 1, 5))
    return ordered.reshape(len(points) // 2, -1).view("<i4")


KERNELS = KernelSet(
    "dsp_fast",
    16,
    (*c_dsp.KERNELS.sources, "kernels_dsp_fast.c"),
    stage,
    readable_past_end=3 * MAX_CHANNELS * 2,
)
