"""The kernels for Helium (kernels_mve.c): which stage gets which, with the weights in its layout."""

from __future__ import annotations

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage

# As in kernels_mve.c:
SHAPES = {(16, 5), (32, 5), (48, 5), (64, 5), (96, 5), (128, 5), (64, 3), (128, 3)}  # input channels, taps
SAMPLE_TAPS, SAMPLE_POSITIONS, ANY_POSITIONS = 5, 12, 8
SLOTS, BLOCK, LANES = 12, 16, 16


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The fastest kernel that computes the stage exactly."""
    if (problem := _not_plain(stage)) is None:
        if stage.in_channels == 1 and stage.taps <= SAMPLE_TAPS and stage.pool == 1 and stage.out_channels % 4 == 0:
            return _samples(stage, positions)
        if (stage.in_channels, stage.taps) in SHAPES and stage.out_channels % BLOCK == 0 and stage.pool <= SLOTS:
            return _tiled(stage, positions)
        problem = "no faster kernel has this shape"
    return _any_shape(stage, positions, problem)


def _not_plain(stage: Stage) -> str | None:
    """Why the fast kernels may not be exact for a stage, or None."""
    if not stage.scaling.zero_point == stage.scaling.minimum == -128:
        return "the faster kernels need ReLU and the output's zero point at -128"
    if stage.scaling.shift.max() > 0:
        return "the faster kernels need scales that shift to the right"
    return "the faster kernels need stride 1" if stage.stride > 1 else None


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
    """In every four rows, the second and the third change places."""
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
    )


def _tiled(stage: Stage, positions: int | None) -> Kernel:
    blocks = stage.out_channels // BLOCK
    shape = (-1, 2, stage.taps, stage.in_channels // LANES, LANES)
    weights = stage.weights.reshape(shape).transpose(0, 3, 2, 1, 4).reshape(blocks, -1)
    constants = _constants(stage).reshape(blocks, -1).astype("<i4").view(np.int8)
    return Kernel(
        f"edgekws_convolve_mve_{stage.in_channels}x{stage.taps}",
        np.concatenate([constants, weights], axis=1),
        max(min(positions or SLOTS, SLOTS), stage.pool),
        "four positions times two channels share their loads",
        SLOTS * BLOCK * 4,
        stage.scaling.folded(),
    )


KERNELS = KernelSet(
    "mve",
    8,
    ("kernels_mve.c",),
    stage,
    dense_function="edgekws_dense_mve",
    requires="defined(__ARM_FEATURE_MVE)",
    hint="these kernels need Helium: compile for a Cortex-M52, M55 or M85, or choose other kernels",
)
