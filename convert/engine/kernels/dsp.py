"""The kernel set `dsp`: direct convolution with the DSP extension of Cortex-M4, M7 and M33 (kernels_dsp.c)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, portable_stage

POSITIONS = 12  # most positions a call; the kernels take them BLOCK at a time
BLOCK = 3
MAX_SHIFT = 22  # then the upper word (2^30) plus the shifted zero point (2^29) fits int32
WIDE_FROM = 500  # from so many positions a window, weights are int16: faster, twice the flash
UNROLLED = 4  # rows in one step of the loop
ROWS_BYTES = 1024  # of scratch memory at most, for less work


def stage(stage: Stage, positions: int | None, wide_from: int = WIDE_FROM) -> Kernel:
    """Direct convolution if the pool and the scaling allow it, else the reference kernel."""
    problem = problem_of(stage)
    if problem:
        reference = portable_stage(stage, positions)
        return replace(reference, reason=problem)
    if stage.in_channels == 1 and stage.taps in (5, 6) and stage.stride == stage.pool == 1 and is_relu(stage):
        return _samples(stage, positions)
    shared = stage.stride == 1 and stage.taps in (3, 5) and stage.in_channels % 2 == 0
    taps = stage.taps if shared else 1
    wide = stage.conv_length >= wide_from
    rows = _rows(stage.weights, taps)
    block_bytes = rows.shape[1] * (taps + BLOCK - 1) * 4
    likes = max(min(POSITIONS, ROWS_BYTES // block_bytes * BLOCK), BLOCK)
    wanted = max(min(positions or likes, POSITIONS), stage.pool)
    blocks = -(-(wanted // stage.pool * stage.pool) // BLOCK)
    why = f"each weight serves {BLOCK} positions; "
    why += "frames stay in registers from tap to tap; " if shared else "any shape; "
    why += f"weights are used {stage.conv_length} times a window and stored as int{16 if wide else 8}"
    return Kernel(
        f"edgekws_convolve_dsp_{taps}{'' if wide else '_narrow'}",
        with_channels(stage, _packed(rows, wide)),
        wanted,
        why,
        scratch_bytes=2 * POSITIONS * 4 + blocks * block_bytes,
        scaling=stage.scaling.folded() if is_relu(stage) else None,
        cost=21 if stage.in_channels == 1 else 13,  # of few products, requantizing is a large part
    )


def _samples(stage: Stage, positions: int | None) -> Kernel:
    pairs = np.zeros((stage.out_channels, 6), "<i2")
    pairs[:, : stage.taps] = 2 * stage.weights[:, :, 0].astype(np.int16)
    weights = np.concatenate([_constants(stage), pairs.view("<i4")], axis=1)
    wanted = max(min(positions or POSITIONS, POSITIONS), 1)
    return Kernel(
        "edgekws_convolve_dsp_samples",
        weights,
        wanted,
        "one channel of samples: pairs of them serve all positions that see them",
        scratch_bytes=4 * (wanted + 4),
        scaling=stage.scaling.folded(),
        cost=40,
    )


def is_relu(stage: Stage) -> bool:
    """Whether the kernels find all that they need of the scaling among their weights."""
    return stage.scaling.zero_point == stage.scaling.minimum == -128


def problem_of(stage: Stage) -> str:
    """Why these kernels cannot compute a stage; empty if they can."""
    scaling = stage.scaling
    largest = np.abs(stage.weights.astype(np.int64)).sum(axis=(1, 2)) * 128 + np.abs(scaling.bias.astype(np.int64))
    if stage.pool > POSITIONS:
        return f"a pool of {stage.pool} is more than the {POSITIONS} positions of the fast kernels"
    if scaling.shift.max() > 0 or scaling.shift.min() < -MAX_SHIFT:
        return f"a scale is not within 2^-{MAX_SHIFT + 1} and 1, as the fast kernels' requantizing needs"
    if 2 * largest.max() >= 2**31:
        return "twice a sum could exceed 32 bits, which the fast kernels' requantizing needs"
    return ""


def with_channels(stage: Stage, words: np.ndarray) -> np.ndarray:
    """int32 (pairs of output channels, words): the constants of both channels, then the words of their weights."""
    constants = np.zeros((len(words) * 2, 4), np.int32)
    constants[: stage.out_channels] = _constants(stage)
    return np.concatenate([constants.reshape(len(words), 8), words.reshape(len(words), -1)], axis=1)


def _constants(stage: Stage) -> np.ndarray:
    """int32 (channels, 4): each channel's edgekws_dsp_channel."""
    scaling, channels = stage.scaling, stage.out_channels
    right = -np.broadcast_to(scaling.shift.astype(np.int64), channels)
    offset = np.where(right > 0, 1 << np.maximum(right - 1, 0), 0) + (scaling.zero_point << right)
    columns = [2 * scaling.bias, np.broadcast_to(scaling.multiplier, channels), offset, right]
    return np.stack(columns, axis=1).astype(np.int32)


def _rows(weights: np.ndarray, taps: int) -> np.ndarray:
    """int8 (out, K, in) → (pairs of output channels, rows, taps, 2 output channels, 2 values), filled with zeros."""
    out = len(weights)
    flat = weights.reshape(out, taps, -1)
    values = -(-flat.shape[2] // (2 * UNROLLED)) * 2 * UNROLLED
    padded = np.zeros((out + out % 2, taps, values), np.int8)
    padded[:out, :, : flat.shape[2]] = flat
    split = padded.reshape(len(padded) // 2, 2, taps, values // 2, 2)
    return split.transpose(0, 3, 2, 1, 4)


def _packed(rows: np.ndarray, wide: bool) -> np.ndarray:
    """The weights as little-endian words: two int16, or four int8 in which the two channels alternate."""
    values = np.ascontiguousarray(rows.astype("<i2")) if wide else np.ascontiguousarray(rows.swapaxes(-1, -2))
    return values.reshape(len(rows), -1).view("<i4")


KERNELS = KernelSet(
    "dsp",
    16,
    ("kernels_portable.c", "edgekws_dsp.h", "kernels_dsp.c"),
    stage,
    requires="defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && defined(__thumb2__) || defined(EDGEKWS_DSP_IN_C)",
    hint="these kernels need the DSP extension: compile for a Cortex-M4, M7 or M33, or choose other kernels",
)
