"""Toom-Cook F(4, 5) for kernels_avx2.c and kernels_dsp_fast.c: the transformed weights, and the proof of their sums.

Eight multiplications give four outputs of a filter of five taps. kernels_dsp_fast.c explains the idea.
"""

from __future__ import annotations

import numpy as np

TAPS = 5
SCALE = 360  # the kernels' sums are this many times the result
POINTS = np.array(  # (points, taps): the filter at 0, 1, -1, 2, -2, 1/2, -1/2 and infinity
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
    """Why a scaled sum of some int8 values could leave 32 bits; empty if none can."""
    largest = largest_sum(weights)
    return f"{SCALE} times a sum may reach {largest}, more than 32 bits" if largest >= 2**31 else ""


def largest_sum(weights: np.ndarray) -> int:
    """The largest scaled sum, of either sign, that these weights can give with any int8 values."""
    return SCALE * 128 * int(np.abs(weights.astype(np.int64)).sum(axis=(1, 2)).max())


def proof(weights: np.ndarray) -> str:
    """The sentence in the generated file that says why no sum can leave 32 bits."""
    return f"Toom-Cook F(4, 5): {SCALE} times a sum is at most {largest_sum(weights)}, within 32 bits"
