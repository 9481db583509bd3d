"""An architecture as data. Arithmetic gives its lengths, parameters, multiply-accumulates and activation sizes.

Every model of the family is a chain of blocks over one window of raw audio, mostly one second. A block is one or more
1-D convolutions with ReLU, then a max pool. A dense layer at the end classifies; some networks of the 2019 report have
hidden dense layers before it. No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

Padding = Literal["same", "valid"]


def output_length(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """How many positions a sliding window has over ``length`` inputs: ceil(L/s) if same, floor((L-k)/s)+1 if valid."""
    return ceil(length / stride) if padding == "same" else max((length - kernel) // stride + 1, 0)


def padding_before(length: int, positions: int, kernel: int, stride: int, padding: Padding) -> int:
    """How many zeros a sliding window has before ``length`` inputs. As in TensorFlow, the odd one comes after them."""
    return 0 if padding == "valid" else max((positions - 1) * stride + kernel - length, 0) // 2


@dataclass(frozen=True)
class Convolution:
    """A 1-D convolution with bias, followed by (batch norm and) ReLU."""

    channels: int
    kernel: int
    stride: int = 1
    padding: Padding = "same"


@dataclass(frozen=True)
class MaxPool:
    """A max pool whose stride is its size. ``same`` keeps the incomplete last group, ``valid`` drops it."""

    size: int
    padding: Padding = "valid"


@dataclass(frozen=True)
class Block:
    """One or more convolutions, then an optional max pool."""

    convolutions: tuple[Convolution, ...]
    pool: MaxPool | None = None


@dataclass(frozen=True)
class LayerCost:
    """One layer and its costs. Shapes are (time, channels); activations count elements."""

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
    """A chain of blocks, hidden dense layers (usually none), and the dense layer that classifies."""

    name: str
    blocks: tuple[Block, ...]
    hidden: tuple[int, ...] = ()
    window: int = 16_000

    @property
    def convolutions(self) -> tuple[str, ...]:
        """The names of the convolutions, from the input on."""
        return tuple(conv_name(i, j) for i, block in enumerate(self.blocks) for j in range(len(block.convolutions)))

    def layers(self, classes: int = 16) -> tuple[LayerCost, ...]:
        """Each layer with its shapes and costs. As in the 2019 report, a convolution before batch norm has a bias."""
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
        """The number of weights and biases in the .tflite, into which batch norm is folded."""
        return sum(layer.parameters for layer in self.layers(classes))

    def parameters_with_batch_norm(self, classes: int = 16) -> int:
        """The number of trainable parameters with batch norm, which adds two (gamma, beta) for each channel."""
        return sum(layer.parameters + layer.batch_norm_parameters for layer in self.layers(classes))

    def macs(self, classes: int = 16) -> int:
        """Multiply-accumulates of one window."""
        return sum(layer.macs for layer in self.layers(classes))

    def largest_activations(self, classes: int = 16) -> int:
        """The most elements that one layer's input and output have together: what most runtimes must hold."""
        return max(layer.activations + layer.input_shape[0] * layer.input_shape[1] for layer in self.layers(classes))


def conv_name(block: int, index: int) -> str:
    """The name of a convolution in every framework and file."""
    return f"conv_{block}_{index}"


def dense_name(index: int, hidden: int) -> str:
    """``dense_0`` … for hidden layers, ``classes`` for the layer that classifies."""
    return "classes" if index == hidden else f"dense_{index}"
