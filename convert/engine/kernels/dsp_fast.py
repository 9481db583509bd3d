"""The kernel set `dsp_fast`: Toom-Cook convolution (kernels_dsp_fast.c) where it is proved exact and is worth it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, dsp, toom_cook

CHUNK = 32  # input channels
MAX_CHANNELS = 128  # input channels
LONG_FROM = 500  # positions a window; below it, 3.2 times the flash of int8 weights is not worth it
FRAMES_PAST = 3  # frames after the input that the kernel may read: a tile makes 4 outputs
POINTS = len(toom_cook.POINTS)
SUMS_BYTES = dsp.POSITIONS * 4
CHUNK_BYTES = POINTS * (CHUNK // 2 + 2) * dsp.BLOCK * 4


def stage(stage: Stage, positions: int | None, long_from: int = LONG_FROM, wide_from: int = dsp.WIDE_FROM) -> Kernel:
    """Toom-Cook from ``long_from`` positions a window on; else the direct kernel, with the reason."""
    problem = dsp.problem_of(stage) or _problem(stage, long_from)
    if problem:
        direct = dsp.stage(stage, positions, wide_from)
        return replace(direct, reason=f"not Toom-Cook: {problem}; {direct.reason}")
    return Kernel(
        "edgekws_convolve_dsp_fast",
        dsp.with_channels(stage, _transformed(stage.weights)),
        max(min(positions or dsp.POSITIONS, dsp.POSITIONS), stage.pool),
        toom_cook.proof(stage.weights),
        scratch_bytes=stage.in_channels // CHUNK * CHUNK_BYTES + SUMS_BYTES,
        scaling=stage.scaling.folded() if dsp.is_relu(stage) else None,
        read_past=FRAMES_PAST * stage.in_channels,
        cost=7,
    )


def _problem(stage: Stage, long_from: int) -> str:
    if stage.taps != toom_cook.TAPS or stage.stride != 1:
        return "it is for 5 taps and stride 1"
    if stage.in_channels % CHUNK or stage.in_channels > MAX_CHANNELS:
        return f"it is for channels in by {CHUNK}, up to {MAX_CHANNELS}"
    if stage.conv_length < long_from:
        return f"{stage.conv_length} positions a window do not repay its flash"
    return toom_cook.overflow(stage.weights)


def _transformed(weights: np.ndarray) -> np.ndarray:
    """int8 (out, taps, in) → words (pairs of output channels, chunks, points, pairs of inputs, 2 output channels)."""
    out, _, channels = weights.shape
    points = np.zeros((out + out % 2, POINTS, channels), "<i2")
    points[:out] = toom_cook.transformed(weights)
    split = points.reshape(len(points) // 2, 2, POINTS, channels // CHUNK, CHUNK // 2, 2)
    ordered = np.ascontiguousarray(split.transpose(0, 3, 2, 4, 1, 5))
    return ordered.reshape(len(points) // 2, -1).view("<i4")


KERNELS = KernelSet(
    "dsp_fast",
    16,
    (*dsp.KERNELS.sources, "kernels_dsp_fast.c"),
    stage,
    requires=dsp.KERNELS.requires,
    hint=dsp.KERNELS.hint,
)
