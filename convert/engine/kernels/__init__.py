"""The kernel sets of the engine: which C function computes a stage, and which layout of weights it needs.

A set of fast kernels is one module here, which makes a `KernelSet`, and one C file `kernels_NAME.c`. For every stage a
set returns a `Kernel` and the reason for it. The kernel may be another set's, if its values have the same width.
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
    """A convolution and the max pool after it, if any. Lengths are in frames of one window.

    A frame is the values of all channels at one time. A position is a frame of the convolution, before the pool.
    """

    name: str
    weights: np.ndarray  # int8 (out, taps, in)
    scaling: Scaling
    input_zero_point: int
    input_range: tuple[int, int]  # lowest and highest value of the input, padding included
    stride: int
    pad_before: int
    pool: int  # 1: none
    first_pool: int  # positions that the first output takes, fewer if the window's edge clips it
    last_pool: int  # the same of the last output
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
    """The C function that computes a stage, its weights and its memory."""

    function: str  # of type edgekws_stage_kernel
    weights: np.ndarray  # int8, int16 or int32, written in C order, in the function's layout
    positions: int  # positions a call, rounded down to whole outputs; memory grows with them
    reason: str  # why this kernel; the generated file says it
    scratch_bytes: int = 0
    scaling: Scaling | None = None  # replaces the stage's own
    read_past: int = 0  # values after its input that the function may load
    cost: int = 16  # about the instructions of 16 multiply-accumulates, as measured: the even pace goes by it


@dataclass(frozen=True, eq=False)
class KernelSet:
    """Everything that the generator needs to know about a set."""

    name: str
    value_bits: int  # of activations in memory: 8 or 16
    sources: tuple[str, ...]  # C files of the engine that it needs
    stage: Callable[[Stage, int | None], Kernel]  # the second argument: positions a call, if asked for
    dense_function: str = "edgekws_dense_portable"
    dense_weights: Callable[[np.ndarray], np.ndarray] = lambda weights: weights  # int8 (frames, units, values)
    buffer_alignment: int = 4  # bytes; every stage's buffer begins at a multiple
    requires: str = ""  # a preprocessor condition, such as defined(__ARM_FEATURE_DSP)
    hint: str = ""  # what to do if the condition does not hold


PORTABLE_COST = 64  # also of dense layers


def portable_stage(stage: Stage, positions: int | None) -> Kernel:
    """The reference kernel. It computes one output a call, which needs the least memory."""
    wanted = positions or stage.pool
    reason = "the reference takes every shape"
    return Kernel("edgekws_convolve_portable", stage.weights, wanted, reason, cost=PORTABLE_COST)


KERNELS = KernelSet("portable", 8, ("kernels_portable.c",), portable_stage)
# Each module defines its set as KERNELS.
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
    """The kernel set of this name; a UserError if there is none."""
    if name not in MODULES:
        raise UserError(f"no kernels are called {name!r}; choose one of {', '.join(MODULES)}")
    found: KernelSet = import_module(MODULES[name]).KERNELS
    return found
