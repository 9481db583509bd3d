"""Batch norm for float training in TensorFlow's one fused kernel; Keras's own is nine operations, each a pass."""

from __future__ import annotations

from typing import Any


def layer(keras: Any) -> Any:
    """The batch norm class to train with: the fused one on the TensorFlow backend, else None, for Keras's own.

    Its weights are those of ``keras.layers.BatchNormalization``; in training the moving variance takes n / (n - 1) of
    the batch's variance, n the batch's values a channel, as cuDNN does.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    class FusedBatchNormalization(keras.layers.BatchNormalization):
        def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
            if not (training and self.trainable):
                return super().call(inputs, training=False)
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), epsilon=self.epsilon
            )
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
            return outputs

    return FusedBatchNormalization


def without_bias(core: Any) -> None:
    """Leave the biases before batch norm untrained, at zero: the mean takes them away again, at a pass each."""
    for convolution in core.layers:
        if f"{convolution.name}_bn" in {other.name for other in core.layers}:
            convolution.bias.trainable = False
