"""Layers for training by Keras on JAX with a GPU: fewer passes over the device's memory, the same weights and results.

Sound is long and its channels are few, so that a training step waits for memory. cuDNN is made for many channels.

Convolution   one matrix product: each row is a block of neighbouring positions, and the kernel becomes a banded
              (Toeplitz) matrix. Most of its products are with zeros, which tensor cores do while memory is busy.
Batch norm    mean and mean square in one pass
Pooling       the maximum of strided slices, which XLA joins with what comes before and after

Value and gradients on an H200 in bfloat16, microseconds a clip (tests/benchmarks/gpu_layers.py):

    positions, channels, taps          cuDNN    a row a position    blocks
    16,000     32 to 32     5            -           9.6              4.2
    16,000     64 to 64     5           70.7        16.1              9.0
    16,000     128 to 128   5           78.3        32.4             25.3
    5,325      32 to 32     25           7.6        27.7              3.1
    5,325      128 to 128   25          37.0       109.8              -
    16,000     1 to 32      40, by 8     1.5          -               0.4
    batch norm, pooling and ReLU of 16,000 positions of 32: 6.8 by Keras, 4.0 here
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from edgekws.model.architecture import Padding, output_length, padding_before

WIDTH = 256  # numbers in a row of the product, about: outputs of a block
MOST_TAPS = 1024  # kernel times input channels: with 25 taps of 128 cuDNN took a third of the time


def classes(keras: Any) -> dict[str, Any]:
    """The classes by the names of ``network.build``'s arguments."""
    return {"norm": one_pass_norm(keras), "convolution": block_convolution(keras), "pooling": slice_pooling(keras)}


def block_convolution(keras: Any) -> Any:
    """A class with the weights and the result of ``keras.layers.Conv2D``, of kernel (1, taps) and stride (1, s)."""

    class BlockConvolution(keras.layers.Conv2D):
        def call(self, inputs: Any) -> Any:
            (_, taps), (_, stride), channels = self.kernel_size, self.strides, inputs.shape[-1]
            if taps * channels > MOST_TAPS:
                return super().call(inputs)
            block = max(WIDTH // self.filters, 1)
            outputs = convolved(keras.ops, inputs, self.kernel, stride, self.padding, block)
            return self.activation(outputs + self.bias)

    return BlockConvolution


def convolved(ops: Any, inputs: Any, kernel: Any, stride: int, padding: Padding, block: int) -> Any:
    """(batch, 1, length, channels) and (1, taps, channels, filters) → (batch, 1, positions, filters).

    A row of the product makes ``block`` positions. It reads this many steps of input, and a few more for the last taps.
    """
    _, taps, channels, filters = kernel.shape
    length = inputs.shape[2]
    positions = output_length(length, taps, stride, padding)
    before = padding_before(length, positions, taps, stride, padding)
    block = min(block, positions)
    count, step = -(-positions // block), block * stride
    aligned = 8 // math.gcd(8, channels)  # tensor cores want rows of a multiple of eight numbers
    reach = -(-((block - 1) * stride + taps) // aligned) * aligned
    blocks = overlapping(ops, inputs, before, count, step, reach)
    outputs = ops.matmul(blocks, _banded(ops, kernel[0], stride, reach, block))
    return ops.reshape(outputs, (-1, 1, count * block, filters))[:, :, :positions]


def overlapping(ops: Any, inputs: Any, before: int, count: int, step: int, reach: int) -> Any:
    """(batch, 1, length, channels) → (batch, count, reach * channels): each block begins ``step`` positions after the
    one before and has ``reach`` of them. ``before`` zeros precede the inputs, and as many as it takes follow."""
    length, channels = inputs.shape[2:]
    more = -(-reach // step)
    whole = (count + more - 1) * step
    inputs = ops.pad(
        inputs[:, :, : whole - before], ((0, 0), (0, 0), (before, max(whole - before - length, 0)), (0, 0))
    )
    steps = ops.reshape(inputs, (-1, count + more - 1, step * channels))
    parts = [steps[:, i : i + count, : min(step, reach - i * step) * channels] for i in range(more)]
    return ops.concatenate(parts, axis=-1)


def _banded(ops: Any, kernel: Any, stride: int, reach: int, block: int) -> Any:
    """Kernel (taps, channels, filters) → (reach * channels, block * filters), with the kernel a stride lower for each
    position of a block."""
    taps, channels, filters = kernel.shape
    lowered = [
        ops.pad(kernel, ((place * stride, reach - taps - place * stride), (0, 0), (0, 0))) for place in range(block)
    ]
    return ops.reshape(ops.stack(lowered, axis=2), (reach * channels, block * filters))


def one_pass_norm(keras: Any) -> Any:
    """A class with the weights and, within rounding, the result of ``keras.layers.BatchNormalization``."""
    ops = keras.ops

    class OnePassBatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if not (training and self.trainable):
                return super().call(inputs, training=False)
            values, axes = ops.cast(inputs, "float32"), tuple(range(len(inputs.shape) - 1))
            mean = ops.mean(values, axes)
            variance = ops.maximum(ops.mean(ops.square(values), axes) - ops.square(mean), 0.0)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
            gain = ops.cast(self.gamma, "float32") * ops.rsqrt(variance + self.epsilon)
            offset = ops.cast(self.beta, "float32") - mean * gain
            return ops.cast(values * gain + offset, self.compute_dtype)

    return OnePassBatchNormalization


def slice_pooling(keras: Any) -> Any:
    """A class with the result of ``keras.layers.MaxPooling2D`` of size and strides (1, n). Where the greatest
    values are equal, they share the gradient; Keras gives it to the first."""
    ops = keras.ops

    class SlicePooling(keras.layers.MaxPooling2D):
        def call(self, inputs: Any) -> Any:
            size, length = self.pool_size[1], inputs.shape[2]
            positions = output_length(length, size, size, self.padding)
            before = padding_before(length, positions, size, size, self.padding)
            after = positions * size - length - before
            if after > 0:
                inputs = ops.pad(inputs, ((0, 0), (0, 0), (before, after), (0, 0)), constant_values=-math.inf)
            groups = ops.reshape(inputs[:, :, : positions * size], (-1, 1, positions, size, inputs.shape[-1]))
            return reduce(ops.maximum, [groups[:, :, :, place] for place in range(size)])

    return SlicePooling
