"""A model as a plain chain of layers. `convert.tflite.reader` makes it; every figure and artifact comes from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekws.model.architecture import Padding, padding_before


@dataclass(frozen=True)
class Activation:
    """An int8 tensor of `length` frames of `channels` values; real value = scale * (value - zero_point)."""

    length: int
    channels: int
    scale: float
    zero_point: int
    tensor: int  # index in the .tflite file

    @property
    def size(self) -> int:
        """How many values it has, which is also its bytes."""
        return self.length * self.channels


@dataclass(frozen=True, eq=False)
class Convolution:
    """Output [t, o] = bias[o] + the sum over k and i of input[t * stride - pad_before + k, i] * weights[o, k, i]."""

    input: Activation
    output: Activation
    weights: np.ndarray  # int8 (out, kernel, in)
    weight_scales: np.ndarray  # float32 (out,) or (1,)
    bias: np.ndarray  # int32 (out,), in units of input scale * weight scale
    stride: int
    padding: Padding
    relu: bool

    @property
    def kernel(self) -> int:
        return int(self.weights.shape[1])

    @property
    def pad_before(self) -> int:
        """How many frames of padding, filled with the input's zero point, come before the first frame."""
        return padding_before(self.input.length, self.output.length, self.kernel, self.stride, self.padding)

    @property
    def multiply_accumulates(self) -> int:
        return self.output.length * self.weights.size

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size


@dataclass(frozen=True)
class MaxPool:
    """Output [t, c] = the maximum over input[t * stride - pad_before : ... + window, c], clipped to the input."""

    input: Activation
    output: Activation
    window: int
    stride: int
    padding: Padding
    multiply_accumulates: int = 0
    parameters: int = 0

    @property
    def pad_before(self) -> int:
        """How many positions of the first window lie before the input."""
        return padding_before(self.input.length, self.output.length, self.window, self.stride, self.padding)


@dataclass(frozen=True, eq=False)
class Dense:
    """Output [o] = bias[o] + the sum of the flattened input (frame by frame) times weights[o]."""

    input: Activation
    output: Activation  # length 1
    weights: np.ndarray  # int8 (out, in)
    weight_scales: np.ndarray  # float32 (out,) or (1,)
    bias: np.ndarray  # int32 (out,)
    relu: bool

    @property
    def multiply_accumulates(self) -> int:
        return self.weights.size

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size


@dataclass(frozen=True)
class Softmax:
    """Output [t] = exp(beta * x[t]) / sum of exp(beta * x); int8 with scale 1/256 and zero point -128."""

    input: Activation
    output: Activation
    beta: float
    multiply_accumulates: int = 0
    parameters: int = 0


Layer = Convolution | MaxPool | Dense | Softmax


@dataclass(frozen=True)
class Graph:
    """The layers in order. Each one's output is the next one's input."""

    layers: tuple[Layer, ...]
    file_bytes: int

    @property
    def input(self) -> Activation:
        return self.layers[0].input

    @property
    def output(self) -> Activation:
        return self.layers[-1].output

    @property
    def multiply_accumulates(self) -> int:
        return sum(layer.multiply_accumulates for layer in self.layers)

    @property
    def parameters(self) -> int:
        """How many weights and biases it has."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def arena_bytes(self) -> int:
        """The bytes that a runtime needs if it keeps whole activations: the most bytes of tensors alive at one time."""
        return max(layer.input.size + layer.output.size for layer in self.layers)
