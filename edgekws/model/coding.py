"""Turns a 16-bit sample into the network's int8 input, by a table of 65,536 codes that is the same in Python and C.

linear   code = min((x + 128) >> 8, 127): the upper eight bits, rounded. Quiet speech uses few of them.
mu_law   The sign, and segments like those of G.711 for 7 bits of magnitude: sixteen steps in each of eight octaves. The
         step is about 1/16 to 1/32 of the sample at every level down to 32/32768. It needs only shifts and additions.

The network reads ``code / 128``. In both codings the .tflite's input has scale 1/128 and zero point 0.
"""

from __future__ import annotations

from functools import cache

import numpy as np

CODINGS = ("linear", "mu_law")
BIAS = 132  # G.711's 33 steps of a 14-bit sample, in 16 bits; segments become powers of two wide
LARGEST_MAGNITUDE = 32_635  # G.711's clip: LARGEST_MAGNITUDE + BIAS is the last value of the eighth segment


@cache
def table(coding: str) -> np.ndarray:
    """The codes of all samples, int8 (65536,), indexed by sample + 32768; read-only."""
    sample = np.arange(-32_768, 32_768, dtype=np.int32)
    if coding == "linear":
        codes = np.minimum((sample + 128) >> 8, 127)
    elif coding == "mu_law":
        biased = np.minimum(np.abs(sample), LARGEST_MAGNITUDE) + BIAS
        segment = np.floor(np.log2(biased)).astype(np.int32) - 7
        magnitude = (segment << 4) | ((biased >> (segment + 3)) & 15)
        codes = np.where(sample < 0, -magnitude, magnitude)
    else:
        raise ValueError(f"coding must be one of {CODINGS}, got {coding!r}")
    codes = codes.astype(np.int8)
    codes.setflags(write=False)
    return codes


def encode(samples: np.ndarray, coding: str) -> np.ndarray:
    """int16 samples of any shape → int8 codes of the same shape."""
    if samples.dtype != np.int16:
        raise TypeError(f"samples must be int16, got {samples.dtype}")
    return table(coding)[samples.astype(np.int32) + 32_768]


def uncoded(samples: np.ndarray, coding: str) -> np.ndarray:
    """float32 network inputs of int16 samples without the coding's rounding, on the scale of ``code / 128``."""
    if coding == "linear":
        return samples.astype(np.float32) / 32_768
    biased = np.minimum(np.abs(samples.astype(np.float32)), LARGEST_MAGNITUDE) + BIAS
    segment = np.floor(np.log2(biased)) - 7
    magnitude = 16 * (segment - 1) + biased * 2.0 ** -(segment + 3) - 0.5
    return (np.sign(samples) * magnitude / 128).astype(np.float32)


def network_input(codes: np.ndarray) -> np.ndarray:
    """int8 codes (n, samples) → float32 (n, 1, samples, 1), the input of the float and the fake-quantized network."""
    return (codes.astype(np.float32) / 128)[:, None, :, None]
