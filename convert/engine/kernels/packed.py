"""The kernel set `packed` (kernels_packed.c): for cores without SIMD. One multiplication serves two positions."""

from __future__ import annotations

import numpy as np

from convert.engine.kernels import Kernel, KernelSet, Stage, portable_stage

TOGETHER = 4  # values, as in kernels_packed.c


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The set's one kernel; the reference kernel for weights of -128, which TensorFlow Lite never makes."""
    if stage.weights.min() < -127:
        return portable_stage(stage, positions)
    rows = stage.weights.reshape(stage.out_channels, -1)
    weights = np.pad(rows, ((0, len(rows) % 2), (0, -rows.shape[1] % TOGETHER)))
    wanted = max(positions or 2 * stage.pool, stage.pool)
    maxima = wanted // stage.pool * stage.out_channels
    reason = "two positions in one multiplication"
    return Kernel("edgekws_convolve_packed", weights, wanted, reason, 4 * (weights.shape[1] + maxima), cost=42)


KERNELS = KernelSet(
    "packed",
    8,
    ("kernels_portable.c", "kernels_packed.c"),
    stage,
    requires="defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_BASE__) || "
    "defined(__riscv) || defined(__XTENSA__) || defined(EDGEKWS_PACKED_ANYWHERE)",
    hint="these kernels are for cores without SIMD: -DEDGEKWS_PACKED_ANYWHERE compiles them for others",
)
