"""The kernels for x86-64 with AVX2 (kernels_avx2.c): weights as int16, in its layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convert.c_kernels import Kernel, KernelSet, Stage
from convert.c_quantization import Scaling

BLOCK = 16  # output channels, as in kernels_avx2.c
POSITIONS = 48  # a call: memory is cheap here


def stage(stage: Stage, positions: int | None) -> Kernel:
    """One kernel for every shape; where ReLU allows, it scales in vectors."""
    wanted = max(positions or POSITIONS, stage.pool)
    plain = stage.scaling.zero_point == stage.scaling.minimum == -128 and stage.scaling.shift.max() <= 0
    function, reason = ("edgekws_convolve_avx2", "six positions times 16 channels a tile")
    if not plain:
        function, reason = f"{function}_any", "scaling in vectors needs ReLU, zero point -128 and shifts to the right"
    return Kernel(function, _weights(stage), wanted, reason, wanted * BLOCK * 4, _padded(stage.scaling))


def _weights(stage: Stage) -> np.ndarray:
    """int16 (blocks, pairs of values, BLOCK, 2), filled with zeros."""
    rows = stage.weights.reshape(stage.out_channels, -1).astype(np.int16)
    rows = np.pad(rows, ((0, -len(rows) % BLOCK), (0, rows.shape[1] % 2)))
    return rows.reshape(-1, BLOCK, rows.shape[1] // 2, 2).swapaxes(1, 2)


def _padded(scaling: Scaling) -> Scaling:
    """One multiplier and shift a channel, and values for the channels that fill the last block."""
    size = scaling.bias.size

    def padded(values: np.ndarray) -> np.ndarray:
        return np.pad(np.broadcast_to(values, size), (0, -size % BLOCK))

    return replace(
        scaling, bias=padded(scaling.bias), multiplier=padded(scaling.multiplier), shift=padded(scaling.shift)
    )


KERNELS = KernelSet(
    "avx2",
    16,
    ("kernels_portable.c", "kernels_avx2.c"),
    stage,
    readable_past_end=2,
    requires="defined(__AVX2__)",
    hint="these kernels need AVX2: compile with -mavx2 or -march=native, or choose other kernels",
)
