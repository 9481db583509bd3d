"""Shared by the kernel sets that sum block by block of output channels (edgekws_blocks.h)."""

from __future__ import annotations

import numpy as np

from convert.engine.kernels import Kernel, Stage

POSITIONS = 48  # positions a call: processors with such vectors have memory


def kernel(stage: Stage, positions: int | None, function: str, weights: np.ndarray, block: int, past: int) -> Kernel:
    """The kernel of a stage, with weights as ``rows`` gives them. It may read ``past`` values after its input."""
    wanted = max(positions or POSITIONS, stage.pool)
    reason = f"{block} channels side by side; a load of weights serves several positions"
    return Kernel(function, weights, wanted, reason, wanted * block * 4, stage.scaling.padded(block), past)


def rows(weights: np.ndarray, block: int, together: int, step: int) -> np.ndarray:
    """int8 (out, taps, in) → (blocks, values / together, block, together), filled with zeros to whole blocks, steps."""
    flat = weights.reshape(len(weights), -1)
    flat = np.pad(flat, ((0, -len(flat) % block), (0, -flat.shape[1] % step)))
    return flat.reshape(-1, block, flat.shape[1] // together, together).swapaxes(1, 2)
