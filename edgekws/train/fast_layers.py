"""Layers that train faster than Keras's own, with the same weights.

Batch norm on TensorFlow   the fused kernel; Keras needs nine operations over the data
Convolution on JAX, GPU    one matrix product. cuDNN is slow where channels are few and sound is long. Value and
                           gradients of 64 clips through five taps on an H200, in milliseconds:

                           positions, channels in and out      cuDNN    one product
                           16,000     16 and 16    bfloat16      4.5           0.47
                           8,000      32 and 32    bfloat16      2.3           0.43
                           8,000      32 and 32    float32      15.3           0.60
"""

from __future__ import annotations

from typing import Any

from edgekws.model import network
from edgekws.model.architecture import Architecture

MOST_TAPS = 256  # kernel times input channels: for more, cuDNN was not compared, and the copies get large


def norm(keras: Any) -> Any:
    """The batch norm class for training: the fused one on the TensorFlow backend, else None for Keras's own.

    It has the weights of ``keras.layers.BatchNormalization``. As in cuDNN, the moving variance in training uses
    n / (n - 1) times the batch's variance, where n is the number of the batch's values in a channel.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    class FusedBatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if not (training and self.trainable):
                return super().call(inputs, training=False)
            outputs, mean, variance = _normalized(tf, inputs, self.gamma, self.beta, self.epsilon)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
            return outputs

    return FusedBatchNormalization


def _normalized(tf: Any, inputs: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """The outputs, and the batch's mean and variance, float32 (channels,).

    In half precision oneDNN has vector code only for channels in multiples of 16. Multiples of 8 are brought to that.
    """

    def whole() -> tuple[Any, Any, Any]:
        return tf.compat.v1.nn.fused_batch_norm(inputs, gamma, beta, epsilon=epsilon)

    gamma, beta = tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta)
    if inputs.dtype == tf.float32 or inputs.shape[-1] % 16 != 8:
        return whole()
    positions = tf.reduce_prod(tf.shape(inputs)[:-1])
    return tf.cond(positions % 2 == 0, lambda: _by_halves(tf, inputs, gamma, beta, epsilon), whole)


def _by_halves(tf: Any, inputs: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """As ``_normalized``, but two neighbouring positions count as one with twice the channels.

    Even and odd positions are then normalized separately, each by its half of the batch, as in ghost batch norm (Hoffer
    et al. 2017, arXiv:1705.08741). Mean and variance are those of the whole.
    """
    folded = tf.reshape(inputs, (1, 1, -1, 2 * inputs.shape[-1]))
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        folded, tf.tile(gamma, (2,)), tf.tile(beta, (2,)), epsilon=epsilon
    )
    means = tf.reshape(mean, (2, -1))
    variance = tf.reduce_mean(tf.reshape(variance, (2, -1)), 0) + tf.math.reduce_variance(means, 0)
    return tf.reshape(outputs, tf.shape(inputs)), tf.reduce_mean(means, 0), variance


def convolution(keras: Any) -> Any:
    """The convolution class for training: one matrix product on JAX with a GPU, else None for Keras's own."""
    if keras.backend.backend() != "jax":
        return None
    import jax

    return matmul_convolution(keras) if jax.default_backend() == "gpu" else None  # a CPU takes twice as long


def matmul_convolution(keras: Any) -> Any:
    """A class with the weights and the result of ``keras.layers.Conv2D``, of kernel (1, taps) and stride (1, s)."""

    class MatmulConvolution(keras.layers.Conv2D):
        def call(self, inputs: Any) -> Any:
            (_, taps), (_, stride) = self.kernel_size, self.strides
            if taps * inputs.shape[-1] > MOST_TAPS:
                return super().call(inputs)
            return self.activation(_convolved(keras.ops, inputs, self.kernel, stride, self.padding) + self.bias)

    return MatmulConvolution


def _convolved(ops: Any, inputs: Any, kernel: Any, stride: int, padding: str) -> Any:
    """(batch, 1, length, channels) and (1, taps, channels, filters) → (batch, 1, positions, filters)."""
    taps, length = kernel.shape[1], inputs.shape[2]
    if padding == "same":  # as TensorFlow pads: the odd one at the end
        missing = max((-(-length // stride) - 1) * stride + taps - length, 0)
        inputs = ops.pad(inputs, ((0, 0), (0, 0), (missing // 2, missing - missing // 2), (0, 0)))
        length += missing
    last = (length - taps) // stride * stride + 1
    shifted = [inputs[:, :, tap : tap + last : stride] for tap in range(taps)]
    return ops.matmul(ops.concatenate(shifted, axis=-1), ops.reshape(kernel, (-1, kernel.shape[-1])))


def build(architecture: Architecture, **settings: Any) -> Any:
    """``network.build`` with these layers, and without training biases that batch norm undoes."""
    import keras

    core = network.build(architecture, norm=norm(keras), convolution=convolution(keras), **settings)
    without_bias(core)
    return core


def without_bias(core: Any) -> None:
    """Do not train the biases before batch norm: subtracting the mean cancels them, and each costs a pass."""
    names = {layer.name for layer in core.layers}
    for layer in core.layers:
        if f"{layer.name}_bn" in names:
            layer.bias.trainable = False
