"""The kernel set `vnni` (kernels_vnni.c): x86-64 with VNNI, either AVX-512's or AVX-VNNI."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, blocks, portable_stage

BLOCK, BLOCKS, STEP = 16, 2, 4  # as in kernels_vnni.c and edgekws_rows.h
SHORT, SHORT_POSITIONS = 2, 96  # steps; a call that takes few of them is dear beside its work
VECTOR, LINE = 32, 64  # bytes
MAX_SHIFT = 22  # then what is added to a scaled sum, 255 * 2^shift, is below 2^30


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The kernel for ReLU if it is exact, else the one for all; the reference kernel if sums could leave 32 bits."""
    sums = stage.weights.astype(np.int64).reshape(stage.out_channels, -1)
    bias = stage.scaling.bias.astype(np.int64) - 128 * sums.sum(axis=1)
    largest = (255 * np.abs(sums).sum(axis=1) + np.abs(bias)).max()
    if largest >= 2**31:
        return portable_stage(stage, positions)
    scaling = stage.scaling
    to_the_right = scaling.shift.max() < 0 and scaling.shift.min() >= -MAX_SHIFT
    relu = scaling.zero_point == scaling.minimum == -128 and to_the_right and largest < 2**30
    function = f"edgekws_convolve_vnni{'_relu' if relu else ''}"
    short = relu and stage.pool == 1 and -(-sums.shape[1] // STEP) == SHORT
    wanted = positions or (SHORT_POSITIONS if short else None)
    shifted = replace(stage, scaling=replace(stage.scaling, bias=bias.astype(np.int32)))
    weights = blocks.rows(stage.weights, BLOCK, STEP, STEP)
    made = blocks.kernel(shifted, wanted, function, weights, BLOCK, VECTOR + STEP)
    values = ((made.positions - 1) * stage.stride + stage.taps) * stage.in_channels
    return replace(made, scratch_bytes=BLOCKS * made.scratch_bytes + LINE + values + VECTOR + STEP)


KERNELS = KernelSet(
    "vnni",
    8,
    ("kernels_portable.c", "edgekws_rows.h", "kernels_vnni.c"),
    stage,
    requires="(defined(__AVX512VNNI__) && defined(__AVX512VL__) || defined(__AVXVNNI__)) && defined(__AVX2__)",
    hint="these kernels need VNNI: compile with -march=native on a processor that has it, or choose other kernels",
)
