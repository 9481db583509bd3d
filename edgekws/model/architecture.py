"""An architecture as data: its lengths, parameters, multiply-accumulates and activation sizes by arithmetic alone.

Every model of the family is a chain of blocks over one second of raw audio: one or more 1-D convolutions with ReLU,
then a max pool, and one dense layer for the classification (older rows have hidden dense layers before it).
No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

Padding = Literal["same", "valid"]


def output_length(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """Positions a sliding window gives over ``length`` inputs: ceil(L/s) for same, floor((L-k)/s)+1 for valid."""
    return ceil(length / stride) if padding == "same" else max((length - kernel) // stride + 1, 0)


@dataclass(frozen=True)
class Convolution:
    """A 1-D convolution with bias, followed by (batch norm and) ReLU."""

    channels: int
    kernel: int
    stride: int = 1
    padding: Padding = "same"


@dataclass(frozen=True)
class MaxPool:
    """A max pool whose stride is its size; ``same`` keeps the incomplete last group, ``valid`` drops it."""

    size: int
    padding: Padding = "valid"


@dataclass(frozen=True)
class Block:
    """One or more convolutions, then an optional max pool."""

    convolutions: tuple[Convolution, ...]
    pool: MaxPool | None = None


@dataclass(frozen=True)
class LayerCost:
    """One layer with what it costs. Shapes are (time, channels); activations are counted in elements."""

    name: str
    kind: Literal["convolution", "pool", "dense"]
    input_shape: tuple[int, int]
    output_shape: tuple[int, int]
    parameters: int
    batch_norm_parameters: int
    macs: int

    @property
    def activations(self) -> int:
        """Elements of the output."""
        return self.output_shape[0] * self.output_shape[1]


@dataclass(frozen=True)
class Architecture:
    """A chain of blocks, hidden dense layers (normally none) and the classifying dense layer."""

    name: str
    blocks: tuple[Block, ...]
    hidden: tuple[int, ...] = ()
    window: int = 16_000

    def layers(self, classes: int = 16) -> tuple[LayerCost, ...]:
        """Every layer with its shapes and costs; as in the 2019 report, a bias also stands where batch norm follows."""
        return tuple(self._layers(classes))

    def _layers(self, classes: int) -> Iterator[LayerCost]:
        length, channels = self.window, 1
        for i, block in enumerate(self.blocks):
            for j, conv in enumerate(block.convolutions):
                after = output_length(length, conv.kernel, conv.stride, conv.padding)
                weights = channels * conv.kernel * conv.channels
                yield LayerCost(
                    conv_name(i, j),
                    "convolution",
                    (length, channels),
                    (after, conv.channels),
                    weights + conv.channels,
                    2 * conv.channels,
                    weights * after,
                )
                length, channels = after, conv.channels
            if block.pool:
                after = output_length(length, block.pool.size, block.pool.size, block.pool.padding)
                yield LayerCost(f"pool_{i}", "pool", (length, channels), (after, channels), 0, 0, 0)
                length = after
        features = length * channels
        for i, units in enumerate((*self.hidden, classes)):
            name = dense_name(i, len(self.hidden))
            yield LayerCost(name, "dense", (1, features), (1, units), features * units + units, 0, features * units)
            features = units

    def parameters(self, classes: int = 16) -> int:
        """Weights and biases, as they stand in the .tflite (batch norm folds away)."""
        return sum(layer.parameters for layer in self.layers(classes))

    def parameters_with_batch_norm(self, classes: int = 16) -> int:
        """Trainable parameters of the batch norm variant: two more (gamma, beta) for each channel."""
        return sum(layer.parameters + layer.batch_norm_parameters for layer in self.layers(classes))

    def macs(self, classes: int = 16) -> int:
        """Multiply-accumulates of one second."""
        return sum(layer.macs for layer in self.layers(classes))

    def largest_activations(self, classes: int = 16) -> int:
        """Elements of the largest input and output of one layer together: what a whole-activation runtime holds."""
        return max(layer.activations + layer.input_shape[0] * layer.input_shape[1] for layer in self.layers(classes))


def conv_name(block: int, index: int) -> str:
    """The name of a convolution in every framework and file."""
    return f"conv_{block}_{index}"


def dense_name(index: int, hidden: int) -> str:
    """``dense_0`` … for hidden layers, ``classes`` for the classifying one."""
    return "classes" if index == hidden else f"dense_{index}"
