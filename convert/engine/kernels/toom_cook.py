"""Toom-Cook F(4, 5) as kernels_avx2.c and kernels_dsp_fast.c use it: the filter's side, and the bound that proves it.

Eight multiplications give four outputs of a filter of five taps. kernels_dsp_fast.c explains the idea.
"""

from __future__ import annotations

import numpy as np

TAPS = 5
SCALE = 360  # of the kernels' sums
POINTS = np.array(  # of the filter: 0, 1, -1, 2, -2, 1/2, -1/2, infinity by taps
    [
        [-90, 0, 0, 0, 0],
        [-20, -20, -20, -20, -20],
        [-20, 20, -20, 20, -20],
        [1, 2, 4, 8, 16],
        [1, -2, 4, -8, 16],
        [16, 8, 4, 2, 1],
        [16, -8, 4, -2, 1],
        [0, 0, 0, 0, 90],
    ]
)


def transformed(weights: np.ndarray) -> np.ndarray:
    """int8 (out, 5, in) → int16 (out, 8 points, in)."""
    return np.einsum("pt,oti->opi", POINTS, weights.astype(np.int64)).astype(np.int16)


def overflow(weights: np.ndarray) -> str:
    """Why a scaled sum might leave 32 bits, for any int8 values; empty if none can."""
    largest = largest_sum(weights)
    return f"{SCALE} times a sum may reach {largest}, more than 32 bits" if largest >= 2**31 else ""


def largest_sum(weights: np.ndarray) -> int:
    """The bound of the scaled sums, from the actual weights: any values that int8 can take, any sign."""
    return SCALE * 128 * int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2)).max())


def proof(weights: np.ndarray) -> str:
    """What the generated file says where no sum can."""
    return f"Toom-Cook F(4, 5): {SCALE} times a sum is at most {largest_sum(weights)}, within 32 bits"
