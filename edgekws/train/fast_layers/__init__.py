"""Layers that train faster than Keras's own, with the same weights.

``fused_norm``  TensorFlow: the fused kernel of batch norm; Keras needs nine operations over the data
``cpu_layers``  TensorFlow on a CPU: convolutions of many channels or taps by fewer or better ordered products
``gpu_layers``  JAX with a GPU: matrix products in place of cuDNN, which is slow where channels are few
Used by training alone.
"""

from __future__ import annotations

from typing import Any

from edgekws.model import network
from edgekws.model.architecture import Architecture


def of_backend(keras: Any) -> dict[str, Any]:
    """The classes that ``network.build`` takes in place of Keras's own, by argument."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        from edgekws.train.fast_layers import cpu_layers, fused_norm

        fast = {"norm": fused_norm.norm(keras)}
        if not tf.config.list_physical_devices("GPU"):
            fast["convolution"] = cpu_layers.convolution(keras)
        return fast
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "gpu":  # on a CPU they take twice as long
            from edgekws.train.fast_layers import gpu_layers

            return gpu_layers.classes(keras)
    return {}


def build(architecture: Architecture, **settings: Any) -> Any:
    """``network.build`` with these layers, and without training biases that batch norm undoes."""
    import keras

    core = network.build(architecture, **of_backend(keras), **settings)
    without_bias(core)
    return core


def without_bias(core: Any) -> None:
    """Do not train the biases before batch norm: subtracting the mean cancels them, and each costs a pass."""
    names = {layer.name for layer in core.layers}
    for layer in core.layers:
        if f"{layer.name}_bn" in names:
            layer.bias.trainable = False
