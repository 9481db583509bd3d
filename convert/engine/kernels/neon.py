"""The kernel set `neon` (kernels_neon.c): 64-bit Arm, with the dot product if the compiler has it."""

from __future__ import annotations

from convert.engine.kernels import Kernel, KernelSet, Stage, blocks, portable_stage

BLOCK, TOGETHER, STEP = 8, 4, 8  # as in kernels_neon.c


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The set's one kernel; the reference kernel for weights of -128, which TensorFlow Lite never makes."""
    if stage.weights.min() < -127:
        return portable_stage(stage, positions)
    weights = blocks.rows(stage.weights, BLOCK, TOGETHER, STEP)
    return blocks.kernel(stage, positions, "edgekws_convolve_neon", weights, BLOCK, STEP - 1)


KERNELS = KernelSet(
    "neon",
    8,
    ("kernels_portable.c", "edgekws_blocks.h", "kernels_neon.c"),
    stage,
    requires="defined(__aarch64__) && defined(__ARM_NEON)",
    hint="these kernels need a 64-bit Arm processor: choose other kernels",
)
