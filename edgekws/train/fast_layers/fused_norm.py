"""Batch normalization of training on the TensorFlow backend, by the fused kernel."""

from __future__ import annotations

from typing import Any


def norm(keras: Any) -> Any:
    """The batch norm class for training on the TensorFlow backend: the fused one.

    It has the weights of ``keras.layers.BatchNormalization``. As in cuDNN, the moving variance in training uses
    n / (n - 1) times the batch's variance, where n is the number of the batch's values in a channel.
    """
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
