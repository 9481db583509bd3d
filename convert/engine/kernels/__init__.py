"""The kernel sets of the engine: which C function a stage gets, and how it wants its weights laid out.

A set of fast kernels is one module that makes a `KernelSet`, and one C file `kernels_NAME.c`. For every stage it
returns a `Kernel`, its own or another set's with values of the same width, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from convert.engine.fixed_point import Scaling
from edgekws.errors import UserError


@dataclass(frozen=True, eq=False)
class Stage:
    """A convolution with the max pool behind it. Lengths are in frames of one window."""

    name: str
    weights: np.ndarray  # int8 (out, taps, in)
    scaling: Scaling
    input_zero_point: int
    input_range: tuple[int, int]  # values that the input can take, padding included
    stride: int
    pad_before: int
    pool: int  # 1: none
    first_pool: int  # positions of the first and of the last output, fewer where clipped
    last_pool: int
    in_length: int
    conv_length: int
    out_length: int

    @property
    def out_channels(self) -> int:
        return int(self.weights.shape[0])

    @property
    def taps(self) -> int:
        return int(self.weights.shape[1])

    @property
    def in_channels(self) -> int:
        return int(self.weights.shape[2])


@dataclass(frozen=True, eq=False)
class Kernel:
    """How a stage is computed."""

    function: str  # of type edgekws_stage_kernel
    weights: np.ndarray  # int8, int16 or int32, written in C order, in the function's layout
    positions: int  # convolution positions a call, rounded down to whole outputs; memory grows with them
    reason: str  # why this one: written into the generated file
    scratch_bytes: int = 0
    scaling: Scaling | None = None  # in place of the stage's own
    read_past: int = 0  # values beyond its input that the function may load


@dataclass(frozen=True, eq=False)
class KernelSet:
    """All that the generator needs to know of a set."""

    name: str
    value_bits: int  # of activations in memory: 8 or 16
    sources: tuple[str, ...]  # C files of the engine that it needs
    stage: Callable[[Stage, int | None], Kernel]  # with the positions a call that were asked for, if any
    dense_function: str = "edgekws_dense_portable"
    dense_weights: Callable[[np.ndarray], np.ndarray] = lambda weights: weights  # int8 (frames, units, values)
    buffer_alignment: int = 4  # bytes, of every stage's buffer
    requires: str = ""  # a preprocessor condition that must hold, e.g. defined(__ARM_FEATURE_DSP)
    hint: str = ""  # what to do where it does not


def portable_stage(stage: Stage, positions: int | None) -> Kernel:
    """The reference kernel; one output a call needs the least memory."""
    wanted = positions or stage.pool
    return Kernel("edgekws_convolve_portable", stage.weights, wanted, "the reference takes every shape")


KERNELS = KernelSet("portable", 8, ("kernels_portable.c",), portable_stage)
# Each has its set as KERNELS.
MODULES = {
    "portable": "convert.engine.kernels",
    "packed": "convert.engine.kernels.packed",
    "mve": "convert.engine.kernels.mve",
    "avx2": "convert.engine.kernels.avx2",
    "vnni": "convert.engine.kernels.vnni",
    "neon": "convert.engine.kernels.neon",
    "wasm": "convert.engine.kernels.wasm",
    "dsp": "convert.engine.kernels.dsp",
    "dsp_fast": "convert.engine.kernels.dsp_fast",
    "dsp_lean": "convert.engine.kernels.dsp_lean",
}


def find(name: str) -> KernelSet:
    """The kernel set of that name."""
    if name not in MODULES:
        raise UserError(f"no kernels are called {name!r}; choose one of {', '.join(MODULES)}")
    found: KernelSet = import_module(MODULES[name]).KERNELS
    return found
