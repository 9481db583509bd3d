"""Batch norm for float training in TensorFlow's one fused kernel; Keras's own is nine operations, each a pass."""

from __future__ import annotations

from typing import Any

from edgekws import network
from edgekws.architecture import Architecture


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


def build(architecture: Architecture, **settings: Any) -> Any:
    """``network.build`` of Keras 3 with these settings, to train with: fused, without biases that batch norm undoes."""
    import keras

    core = network.build(architecture, norm=layer(keras), **settings)
    without_bias(core)
    return core


def without_bias(core: Any) -> None:
    """Leave the biases before batch norm untrained: the mean takes them away again, at a pass each."""
    names = {layer.name for layer in core.layers}
    for convolution in core.layers:
        if f"{convolution.name}_bn" in names:
            convolution.bias.trainable = False
