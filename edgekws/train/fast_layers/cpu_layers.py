"""Convolutions for training by TensorFlow on a CPU: Keras's weights and results, by fewer or better ordered products.

Many taps  blocks of positions become points of a discrete Fourier transform, where a convolution is one product a
           point. Three real products make a complex one. 64 positions with 25 taps take 95 products in place of 1,000
Few taps   the kernel's gradient is a matrix product a tap. oneDNN's own takes longer than its other two passes

Output and both gradients of 8 clips, milliseconds on two cores with AVX2 (tests/benchmarks/cpu_layers.py):

    positions, channels, taps       Keras    gradient by taps    by transform
    5,326      128 to 128   25      1,180          916               311
    582        256 to 256   25        393          357               119
    5,326      64 to 64     25        268          233               141
    5,326      32 to 32     25         88           57                68
    16,000     128 to 128   5       1,308          510               661
    16,000     64 to 64     5         261          122               291
    2,000      32 to 40     5          13            8                21
    16,000     8 to 16      5          12           13                60
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from edgekws.model.architecture import Padding, output_length, padding_before
from edgekws.train.fast_layers.gpu_layers import overlapping

FEWEST_CHANNELS = 16  # with fewer, Keras's own is as fast or faster
TRANSFORMED = (16, 64)  # as many taps and channels, or more, are convolved by transform


def convolution(keras: Any) -> Any:
    """A class with the weights and, within rounding, the result of ``keras.layers.Conv2D``, of kernels (1, taps).

    Few channels, strides over one and half precision are left to Keras.
    """
    import tensorflow as tf

    class CpuConvolution(keras.layers.Conv2D):
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            _, taps, channels, _ = kernel.shape
            if channels < FEWEST_CHANNELS or tuple(self.strides) != (1, 1) or inputs.dtype != tf.float32:
                return super().convolution_op(inputs, kernel)
            way = transformed if taps >= TRANSFORMED[0] and channels >= TRANSFORMED[1] else by_taps
            return way(tf, inputs, tf.convert_to_tensor(kernel), self.padding)

    return CpuConvolution


def transformed(tf: Any, inputs: Any, kernel: Any, padding: Padding) -> Any:
    """(batch, 1, length, channels) and (1, taps, channels, filters) → (batch, 1, positions, filters), float32.

    Overlap-save: a block of inputs makes as many outputs as have all their taps in it.
    """
    import keras

    _, taps, channels, filters = kernel.shape
    size = 2 * round(1.28 * taps)  # tried with 25 taps: 48 to 128 positions are slower, or no faster
    into, of_kernel, back = _transforms(size, taps)
    made, points = back.shape
    length = inputs.shape[2]
    positions = output_length(length, taps, 1, padding)
    before = padding_before(length, positions, taps, 1, padding)
    count = -(-positions // made)
    blocks = tf.reshape(overlapping(keras.ops, inputs, before, count, made, size), (-1, size, channels))
    kernels = tf.reshape(tf.matmul(of_kernel, tf.reshape(kernel, (taps, -1))), (points, channels, filters))
    products = tf.matmul(tf.transpose(tf.matmul(into, blocks), (1, 0, 2)), kernels)
    outputs = tf.matmul(back, tf.transpose(products, (1, 0, 2)))
    return tf.reshape(outputs, (-1, 1, count * made, filters))[:, :, :positions]


@lru_cache
def _transforms(size: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices, float32, of a block's inputs (points, size), of the kernel (points, taps), of outputs (made, points).

    A convolution is ``back @ (into @ inputs * of_kernel @ kernel)``. A frequency's complex product a * b is three real
    points, by Gauss: s = (Re a + Im a) Re b, then s - Im a (Re b + Im b) and s + Re a (Im b - Re b).
    """
    turns = -2j * np.pi * np.arange(size // 2 + 1)[:, None] / size
    a = np.exp(turns * np.arange(size))
    b = np.exp(turns * np.arange(taps)[::-1])  # reversed, as Keras correlates
    y = np.exp(-turns * np.arange(taps - 1, size)) / size  # the outputs whose taps are all in the block
    ends, inner = [0, size // 2], slice(1, size // 2)  # real frequencies; those whose conjugates double them
    y[inner] *= 2
    into = [a.real[ends], (a.real + a.imag)[inner], a.imag[inner], a.real[inner]]
    of_kernel = [b.real[ends], b.real[inner], (b.real + b.imag)[inner], (b.imag - b.real)[inner]]
    back = [y.real[ends], (y.real - y.imag)[inner], -y.real[inner], -y.imag[inner]]
    joined = (np.concatenate(part).astype(np.float32) for part in (into, of_kernel, back))
    return next(joined), next(joined), next(joined).T


def by_taps(tf: Any, inputs: Any, kernel: Any, padding: Padding) -> Any:
    """As ``transformed``, by TensorFlow's convolution; its kernel's gradient is a matrix product a tap."""
    _, taps, channels, filters = kernel.shape
    length = inputs.shape[2]
    positions = output_length(length, taps, 1, padding)
    before = padding_before(length, positions, taps, 1, padding)
    row = positions + taps - 1

    def convolved(inputs: Any, kernel: Any) -> Any:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            of_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs), filter=kernel, out_backprop=upstream, strides=[1] * 4,
                padding=padding.upper(),
            )  # fmt: skip
            # zeros part the clips, so that a tap's rows, and those of the gradient, are one slice of all clips
            x = tf.reshape(tf.pad(inputs[:, 0], ((0, 0), (before, row - before - length), (0, 0))), (-1, channels))
            y = tf.reshape(tf.pad(upstream[:, 0], ((0, 0), (0, taps - 1), (0, 0))), (-1, filters))
            count = tf.shape(x)[0] - taps + 1
            y = y[:count]
            of_taps = [tf.matmul(x[tap : tap + count], y, transpose_a=True) for tap in range(taps)]
            return of_inputs, tf.stack(of_taps)[None]

        return tf.nn.conv2d(inputs, kernel, 1, padding.upper()), gradients

    return tf.custom_gradient(convolved)(inputs, kernel)
