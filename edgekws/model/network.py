"""Builds the Keras model of an architecture, with Keras 3 or tf_keras, and folds batch norm into its convolutions."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from edgekws.model.architecture import Architecture, MaxPool, conv_name, dense_name

BATCH_NORM_EPSILON = 1e-3


def build(
    architecture: Architecture,
    *,
    classes: int,
    dropout: float = 0.0,
    batch_norm: bool = False,
    keras: Any = None,
    norm: Any = None,
    convolution: Any = None,
    pooling: Any = None,
) -> Any:
    """The model: float32 (batch, 1, window, 1) in, softmax probabilities (batch, classes) out.

    ``keras`` is Keras 3 (default) or tf_keras. Layers have the architecture's names, so weights can be moved by name.
    ``norm``, ``convolution`` and ``pooling`` are classes, by default Keras's own; others must have the same weights.
    Without batch norm the ReLU is part of the convolution, since TFMOT quantizes the kernel only there.
    """
    if keras is None:
        keras = importlib.import_module("keras")
    layers = keras.layers
    normalize, convolve = norm or layers.BatchNormalization, convolution or layers.Conv2D
    pooling = pooling or layers.MaxPooling2D
    inputs = x = keras.Input((1, architecture.window, 1), name="input")
    for i, block in enumerate(architecture.blocks):
        for j, conv in enumerate(block.convolutions):
            name = conv_name(i, j)
            x = convolve(
                conv.channels,
                (1, conv.kernel),
                strides=(1, conv.stride),
                padding=conv.padding,
                activation=None if batch_norm else "relu",
                kernel_initializer="he_normal",
                name=name,
            )(x)
            if batch_norm:
                x = normalize(epsilon=BATCH_NORM_EPSILON, momentum=0.95, name=f"{name}_bn")(x)
                if block.pool and j == len(block.convolutions) - 1:
                    x = pool(pooling, block.pool, i)(x)  # before ReLU: the same result for a third of its work
                x = layers.ReLU(name=f"{name}_relu")(x)
        if block.pool and not batch_norm:
            x = pool(pooling, block.pool, i)(x)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate((*architecture.hidden, classes)):
        name = dense_name(i, len(architecture.hidden))
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        # always float32: softmax in half precision would lose the loss's small values
        last = {"activation": "softmax", "dtype": "float32"} if name == "classes" else {"activation": "relu"}
        x = layers.Dense(units, name=name, **last)(x)
    return keras.Model(inputs, x, name=architecture.name.replace("/", "-"))


def pool(pooling: Any, of: MaxPool, block: int) -> Any:
    """The pooling layer, of the class ``pooling``, of block number ``block``."""
    size = (1, of.size)
    return pooling(size, strides=size, padding=of.padding, name=f"pool_{block}")


def folded_weights(model: Any, architecture: Architecture) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of every convolution and dense layer by name, with batch norm folded in, float32.

    In each channel, kernel' = kernel * g and bias' = beta + (bias - mean) * g; g = gamma / sqrt(variance + epsilon).
    """
    folded = {}
    norms = {layer.name for layer in model.layers if layer.name.endswith("_bn")}
    names = list(architecture.convolutions)
    names += [dense_name(i, len(architecture.hidden)) for i in range(len(architecture.hidden) + 1)]
    for name in names:
        kernel, bias = (np.asarray(w, np.float64) for w in model.get_layer(name).get_weights())
        if f"{name}_bn" in norms:
            gamma, beta, mean, variance = (
                np.asarray(w, np.float64) for w in model.get_layer(f"{name}_bn").get_weights()
            )
            gain = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
            kernel, bias = kernel * gain, beta + (bias - mean) * gain
        folded[name] = (kernel.astype(np.float32), bias.astype(np.float32))
    return folded
