"""The kernel set `avx2` (kernels_avx2.c): x86-64 with AVX2. Weights are int16."""

from __future__ import annotations

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, toom_cook

BLOCK = 16  # output channels, as in kernels_avx2.c
POSITIONS = 48  # positions a call: memory is cheap on these machines
READ_PAST = 1  # the direct kernels read values in pairs


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The fastest kernel that computes the stage exactly."""
    wanted = max(positions or POSITIONS, stage.pool)
    scaling, scratch = stage.scaling.padded(BLOCK), wanted * BLOCK * 4
    if stage.scaling.zero_point != -128 or stage.scaling.minimum != -128 or stage.scaling.shift.max() > 0:
        reason = "scaling in vectors needs ReLU, zero point -128 and shifts to the right"
        return Kernel("edgekws_convolve_avx2_any", _weights(stage.weights), wanted, reason, scratch, scaling, READ_PAST)
    if problem := _no_toom_cook(stage):
        reason = f"not Toom-Cook: {problem}"
        return Kernel("edgekws_convolve_avx2", _weights(stage.weights), wanted, reason, scratch, scaling, READ_PAST)
    points = toom_cook.transformed(stage.weights).swapaxes(0, 1)
    weights = np.stack([_weights(point) for point in points], axis=1)
    fours = -(-wanted // 4)
    scratch = (fours + 1) * 8 * stage.in_channels * 2 + fours * (8 + 4) * BLOCK * 4
    reason = toom_cook.proof(stage.weights)
    return Kernel("edgekws_convolve_avx2_toom_cook", weights, wanted, reason, scratch, scaling)


def _no_toom_cook(stage: Stage) -> str:
    """Why Toom-Cook cannot compute a stage; empty if it can."""
    if stage.taps != toom_cook.TAPS or stage.stride != 1 or stage.in_channels % 16:
        return "it is for 5 taps, stride 1, and channels in by 16"
    return toom_cook.overflow(stage.weights)


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
    requires="defined(__AVX2__)",
    hint="these kernels need AVX2: compile with -mavx2 or -march=native, or choose other kernels",
)
