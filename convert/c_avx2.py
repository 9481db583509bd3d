"""The kernels for x86-64 with AVX2 (kernels_avx2.c): weights as int16, in its layout."""

from __future__ import annotations

import numpy as np

from convert.c_kernels import Kernel, KernelSet, Stage
from convert.c_quantization import INT32_MAX

BLOCK = 16  # output channels, as in kernels_avx2.c
POSITIONS = 48  # a call: memory is cheap here


# Toom-Cook F(4, 5): the values of a filter at eight points, times 90 (times 45 / 2 for 1/2 and -1/2).
POINTS = np.array(
    [
        [90, 0, 0, 0, 0],
        [-20, -20, -20, -20, -20],
        [-20, 20, -20, 20, -20],
        [1, 2, 4, 8, 16],
        [1, -2, 4, -8, 16],
        [16, 8, 4, 2, 1],
        [16, -8, 4, -2, 1],
        [0, 0, 0, 0, 90],
    ]
)
TOOM_COOK_SCALE = 360  # of its sums


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The fastest kernel that computes the stage exactly."""
    wanted = max(positions or POSITIONS, stage.pool)
    scaling, scratch = stage.scaling.padded(BLOCK), wanted * BLOCK * 4
    if stage.scaling.zero_point != -128 or stage.scaling.minimum != -128 or stage.scaling.shift.max() > 0:
        reason = "scaling in vectors needs ReLU, zero point -128 and shifts to the right"
        return Kernel("edgekws_convolve_avx2_any", _weights(stage.weights), wanted, reason, scratch, scaling)
    if problem := _no_toom_cook(stage):
        return Kernel("edgekws_convolve_avx2", _weights(stage.weights), wanted, problem, scratch, scaling)
    transformed = np.einsum("pt,oti->poi", POINTS, stage.weights)
    weights = np.stack([_weights(point) for point in transformed], axis=1)
    fours = -(-wanted // 4)
    scratch = (fours + 1) * 8 * stage.in_channels * 2 + fours * (8 + 4) * BLOCK * 4
    reason = "8 multiplications in place of 20, and no sum can exceed 32 bits"
    return Kernel("edgekws_convolve_avx2_toom_cook", weights, wanted, reason, scratch, scaling)


def _no_toom_cook(stage: Stage) -> str:
    """Why Toom-Cook cannot compute a stage; empty where it can."""
    if stage.taps != 5 or stage.stride != 1 or stage.in_channels % 16:
        return "Toom-Cook needs 5 taps, stride 1, and a multiple of 16 channels"
    largest = np.abs(stage.weights.astype(np.int64)).sum(axis=(1, 2)).max() * 128
    return "Toom-Cook's sums might exceed 32 bits" if largest * TOOM_COOK_SCALE > INT32_MAX else ""


def _weights(weights: np.ndarray) -> np.ndarray:
    """(out_channels, ...) → int16 (blocks, pairs of values, BLOCK, 2), filled with zeros."""
    rows = weights.reshape(len(weights), -1).astype(np.int16)
    rows = np.pad(rows, ((0, -len(rows) % BLOCK), (0, rows.shape[1] % 2)))
    return rows.reshape(-1, BLOCK, rows.shape[1] // 2, 2).swapaxes(1, 2)


KERNELS = KernelSet(
    "avx2",
    16,
    ("kernels_portable.c", "kernels_avx2.c"),
    stage,
    readable_past_end=2,
    requires="defined(__AVX2__)",
    hint="these kernels need AVX2: compile with -mavx2 or -march=native, or choose other kernels",
)
