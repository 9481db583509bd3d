"""The kernel set `vnni` (kernels_vnni.c): x86-64 with VNNI, either AVX-512's or AVX-VNNI."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, blocks, portable_stage

BLOCK, STEP = 16, 4  # as in kernels_vnni.c
VECTOR = 32  # bytes


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The set's one kernel; the reference kernel if sums of values up to 255 could leave 32 bits."""
    sums = stage.weights.astype(np.int64).reshape(stage.out_channels, -1)
    if 255 * np.abs(sums).sum(axis=1).max() >= 2**31:
        return portable_stage(stage, positions)
    bias = stage.scaling.bias.astype(np.int64) - 128 * sums.sum(axis=1)
    shifted = replace(stage, scaling=replace(stage.scaling, bias=bias.astype(np.int32)))
    weights = blocks.rows(stage.weights, BLOCK, STEP, STEP)
    made = blocks.kernel(shifted, positions, "edgekws_convolve_vnni", weights, BLOCK, VECTOR + STEP)
    values = ((made.positions - 1) * stage.stride + stage.taps) * stage.in_channels
    return replace(made, scratch_bytes=made.scratch_bytes + values + VECTOR + STEP)


KERNELS = KernelSet(
    "vnni",
    8,
    ("kernels_portable.c", "edgekws_blocks.h", "kernels_vnni.c"),
    stage,
    requires="(defined(__AVX512VNNI__) && defined(__AVX512VL__) || defined(__AVXVNNI__)) && defined(__AVX2__)",
    hint="these kernels need VNNI: compile with -march=native on a processor that has it, or choose other kernels",
)
