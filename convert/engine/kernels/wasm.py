"""The kernel set `wasm` (kernels_wasm.c): WebAssembly with 128-bit vectors."""

from __future__ import annotations

from convert.engine.kernels import Kernel, KernelSet, Stage, blocks, portable_stage

BLOCK, PAIR, STEP = 8, 2, 4  # as in kernels_wasm.c
MAX_SHIFT = 30  # to the right


def stage(stage: Stage, positions: int | None) -> Kernel:
    """The set's one kernel; the reference kernel for a shift by 31, which makes every sum 0."""
    if stage.scaling.shift.min() < -MAX_SHIFT:
        return portable_stage(stage, positions)
    weights = blocks.rows(stage.weights, BLOCK, PAIR, STEP)
    return blocks.kernel(stage, positions, "edgekws_convolve_wasm", weights, BLOCK, STEP - 1)


KERNELS = KernelSet(
    "wasm",
    16,
    ("kernels_portable.c", "edgekws_blocks.h", "kernels_wasm.c"),
    stage,
    requires="defined(__wasm_simd128__)",
    hint="these kernels need WebAssembly's vectors: compile with -msimd128, or choose other kernels",
)
