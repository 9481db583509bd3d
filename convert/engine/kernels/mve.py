"""The kernel set `mve` (kernels_mve.c, kernels_mve_blocks.c): Helium, the vectors of Cortex-M55 and M85."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage

# As in kernels_mve.c and kernels_mve_blocks.c:
SHAPES = {(16, 5), (32, 5), (48, 5), (64, 5), (96, 5), (128, 5), (64, 3), (128, 3)}  # input channels, taps
SAMPLE_TAPS, SAMPLE_POSITIONS, ANY_POSITIONS = 5, 12, 8
SLOTS, BLOCK, LANES = 12, 16, 16


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The fastest kernel that computes the stage exactly."""
    if problem := _not_plain(stage):
        return _any_shape(stage, positions, problem)
    if stage.in_channels == stage.stride == stage.pool == 1 and stage.taps <= SAMPLE_TAPS:
        return _samples(stage, positions)
    if stage.stride == 1 and (stage.in_channels, stage.taps) in SHAPES:
        reason = "four positions times two channels share their loads"
        return _blocks(stage, positions, f"{stage.in_channels}x{stage.taps}", _tiles, reason)
    reason = "a position's values lie side by side: long dot products that share their loads"
    return _blocks(stage, positions, "run", _runs, reason, LANES - 1)


def _not_plain(stage: Stage) -> str:
    """Why only the kernel for any shape is exact for this stage; empty if the others are too."""
    if not stage.scaling.zero_point == stage.scaling.minimum == -128:
        return "the faster kernels need ReLU and the output's zero point at -128"
    if stage.scaling.shift.max() > 0:
        return "the faster kernels need scales that shift to the right"
    if stage.out_channels % 4 or stage.pool > SLOTS:
        return f"the faster kernels need channels out by 4 and a pool of at most {SLOTS}"
    return ""


def _any_shape(stage: Stage, positions: int | None, reason: str) -> Kernel:
    rows = stage.weights.reshape(stage.out_channels, -1)
    rows = np.pad(rows, ((0, -len(rows) % 4), (0, -rows.shape[1] % LANES)))
    weights = rows.reshape(-1, 4, rows.shape[1] // LANES, LANES).swapaxes(1, 2)
    scaling = stage.scaling.padded(4)
    wanted = max(positions or ANY_POSITIONS, stage.pool)
    return Kernel("edgekws_convolve_mve", weights, wanted, reason, scaling=scaling, read_past=LANES - 1)


def _constants(stage: Stage) -> np.ndarray:
    """int32 (out_channels, 3): bias, multiplier and shift of channels 0, 2, 1, 3, 4, 6, ..."""
    scaling = stage.scaling
    columns = (
        np.broadcast_to(values, stage.out_channels) for values in (scaling.bias, scaling.multiplier, scaling.shift)
    )
    return _swapped(np.stack([column.astype(np.int32) for column in columns], axis=1))


def _swapped(rows: np.ndarray) -> np.ndarray:
    """Swap the second and third of every four rows."""
    return rows.reshape(-1, 4, *rows.shape[1:])[:, [0, 2, 1, 3]].reshape(rows.shape)


def _samples(stage: Stage, positions: int | None) -> Kernel:
    taps = np.zeros((stage.out_channels, SAMPLE_TAPS), np.int32)
    taps[:, : stage.taps] = stage.weights[:, :, 0]
    weights = np.concatenate([_swapped(taps), _constants(stage)], axis=1)
    reason = "four positions of samples a vector, loaded once for all channels"
    return Kernel(
        "edgekws_convolve_mve_samples",
        weights,
        positions or SAMPLE_POSITIONS,
        reason,
        scaling=stage.scaling.folded(),
        read_past=SAMPLE_TAPS - 1,
        cost=16,
    )


def _blocks(
    stage: Stage,
    positions: int | None,
    name: str,
    layout: Callable[[np.ndarray], np.ndarray],
    reason: str,
    past: int = 0,
) -> Kernel:
    """Constants and weights of every 16 output channels, then of the channels that are left."""
    constants = np.split(_constants(stage).astype("<i4"), range(BLOCK, stage.out_channels, BLOCK))
    weights = np.split(layout(stage.weights), range(BLOCK // 2, stage.out_channels // 2, BLOCK // 2))
    parts = [part for pair in zip(constants, weights, strict=True) for part in pair]
    return Kernel(
        f"edgekws_convolve_mve_{name}",
        np.frombuffer(b"".join(part.tobytes() for part in parts), np.int8),
        max(min(positions or SLOTS, SLOTS), stage.pool),
        reason,
        SLOTS * BLOCK * 4,
        stage.scaling.folded(),
        past,
        cost=5 if stage.in_channels == 1 else 3,
    )


def _tiles(weights: np.ndarray) -> np.ndarray:
    """int8 (pairs of output channels, input channels / 16, taps, 2, 16)."""
    out, taps, channels = weights.shape
    return weights.reshape(out // 2, 2, taps, channels // LANES, LANES).transpose(0, 3, 2, 1, 4)


def _runs(weights: np.ndarray) -> np.ndarray:
    """int8 (pairs of output channels, vectors, 2, 16), with zeros after each run of values."""
    rows = weights.reshape(len(weights), -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % LANES)))
    return rows.reshape(len(rows) // 2, 2, -1, LANES).swapaxes(1, 2)


KERNELS = KernelSet(
    "mve",
    8,
    ("edgekws_mve.h", "kernels_mve.c", "kernels_mve_blocks.c"),
    stage,
    dense_function="edgekws_dense_mve",
    requires="defined(__ARM_FEATURE_MVE)",
    hint="these kernels need Helium: compile for a Cortex-M52, M55 or M85, or choose other kernels",
)
