"""Builds the fake-quantized model. Only this module uses tf_keras and TFMOT, the TensorFlow Model Optimization Toolkit.

It rebuilds the float network, with batch norm folded, in tf_keras and wraps it by TFMOT. A pass of the float network
over training clips sets the activation ranges before the first step: TFMOT's own start (+-6, moving average 0.999) is
still four times too coarse after a hundred steps. Post-training quantization is this network before any step.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # TFMOT reads tf.keras, which must be tf_keras

import numpy as np

from convert.tflite.graph import Convolution, Dense, Graph
from edgekws.model import network
from edgekws.model.architecture import Architecture

Weights = dict[str, tuple[np.ndarray, np.ndarray]]
INPUT_RANGE = (-1.0, 127 / 128)  # int8 codes over 128: scale exactly 1/128, zero point 0


def fake_quant_model(architecture: Architecture, *, classes: int, dropout: float) -> Any:
    """The tf_keras model with fake quantization: float32 (batch, 1, window, 1) → probabilities (batch, classes)."""
    import tensorflow_model_optimization as tfmot
    import tf_keras

    tf_keras.backend.experimental.enable_tf_random_generator()  # for ``seed_dropout``
    tf_keras.backend.reset_uids()  # TFMOT then gives its layers the same names every time
    plain = network.build(architecture, classes=classes, dropout=dropout, keras=tf_keras)
    model = tfmot.quantization.keras.quantize_model(plain)
    quantizers = tfmot.quantization.keras.quantizers
    for layer in model.layers:
        if type(layer).__name__ == "QuantizeLayer":
            # a moving average could shrink the input's range; this quantizer cannot
            layer.quantizer = quantizers.AllValuesQuantizer(
                num_bits=8, per_axis=False, symmetric=False, narrow_range=False
            )
    return model


def seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """Make the model's dropout depend only on ``seed`` and ``epoch`` from here on.

    No checkpoint holds the state of its generators. But the state is a TensorFlow variable, so a step that is already
    compiled sees the new value.
    """
    import tf_keras

    for i, layer in enumerate(part for part in model.submodules if isinstance(part, tf_keras.layers.Dropout)):
        layer._random_generator._generator.reset_from_key_counter(seed + (i << 32), (0, epoch))


def calibrate(
    model: Any, architecture: Architecture, weights: Weights, inputs: np.ndarray, batch_size: int = 64
) -> None:
    """Set the weights (kernel and bias by layer), and each quantizer's range from ``inputs`` float32 (n, 1, window, 1).

    A range is the mean over batches of the batch's extreme, which is where TFMOT's moving average would settle.
    """
    import tf_keras

    variables = {variable.name.removesuffix(":0"): variable for variable in model.variables}
    for name, (kernel, bias) in weights.items():
        variables[f"{name}/kernel"].assign(kernel)
        variables[f"{name}/bias"].assign(bias)
    model(inputs[:1], training=True)  # only in training mode do the kernels' ranges follow the weights

    plain = network.build(architecture, classes=weights["classes"][1].size, keras=tf_keras)
    for name, (kernel, bias) in weights.items():
        plain.get_layer(name).set_weights([kernel, bias])
    plain.get_layer("classes").activation = tf_keras.activations.linear
    observed = tf_keras.Model(plain.inputs, [plain.get_layer(name).output for name in weights])
    extremes: dict[str, list[tuple[float, float]]] = {name: [] for name in weights}
    for start in range(0, len(inputs), batch_size):
        outputs = observed(inputs[start : start + batch_size], training=False)
        for name, output in zip(weights, outputs if isinstance(outputs, list) else [outputs], strict=True):
            values = output.numpy()
            extremes[name].append((float(values.min()), float(values.max())))
    ranges = {name: tuple(np.mean(pairs, axis=0)) for name, pairs in extremes.items()}
    _assign_ranges(model, ranges)


def set_from_int8(model: Any, graph: Graph) -> None:
    """Give the model the weights and ranges that the int8 model has; it then rounds where that rounds.

    Of a published model no other fake-quantized weights are kept.
    """
    variables = {variable.name.removesuffix(":0"): variable for variable in model.variables}
    names = [name.removeprefix("quant_").removesuffix("/bias") for name in variables if name.endswith("/bias")]
    layers = [layer for layer in graph.layers if isinstance(layer, Convolution | Dense)]
    ranges = {}
    for name, layer in zip(names, layers, strict=True):
        scales, output = layer.weight_scales, layer.output
        kernel = np.moveaxis(layer.weights, 0, -1) * scales
        values = {
            f"{name}/kernel": kernel,
            f"{name}/bias": layer.bias * layer.input.scale * scales,
            f"quant_{name}/kernel_min": -127 * scales,
            f"quant_{name}/kernel_max": 127 * scales,
        }
        for key, value in values.items():
            shape = tuple(variables[key].shape)
            variables[key].assign(value.astype(np.float32).reshape(shape))
        low, high = ((end - output.zero_point) * output.scale for end in (-128, 127))
        ranges[name] = (low, high)
    _assign_ranges(model, ranges)


def _assign_ranges(model: Any, ranges: dict[str, tuple[float, float]]) -> None:
    for variable in model.variables:
        layer, _, kind = variable.name.removesuffix(":0").partition("/")
        end = 0 if kind.endswith("_min") else 1
        if layer.startswith("quantize_layer") and kind.endswith(("_min", "_max")):
            variable.assign(INPUT_RANGE[end])
        elif kind.endswith(("activation_min", "activation_max")):
            low, high = ranges[layer.removeprefix("quant_")]
            variable.assign((min(low, 0.0), max(high, 1e-6))[end])
