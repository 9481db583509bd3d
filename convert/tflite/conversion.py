"""Converts fake-quantized Keras to a full-int8 .tflite, checks it op by op, and runs such files over many clips."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convert.tflite import graph, reader
from edgekws.errors import UserError
from edgekws.model import litert
from edgekws.progress import progress_bar

Kernels = Literal["reference", "xnnpack"]


class ConversionError(Exception):
    """The converted file is not of the form that the engine and the parity ladder need."""


def convert(model: Any, window: int) -> bytes:
    """The checked .tflite of a fake-quantized model: int8 (1, 1, window, 1) in, int8 scores (1, classes) out."""
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec([1, 1, window, 1], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = converter.convert()
    check(reader.read(content))
    return content


def check(model: graph.Graph) -> None:
    """Raise ConversionError unless the input is the recording itself and int8 saturation does the work of ReLU.

    ``reader.read`` accepts only int8 CONV_2D, MAX_POOL_2D, RESHAPE, FULLY_CONNECTED and SOFTMAX, so no MUL or ADD of a
    batch norm can be left.
    """
    if (model.input.scale, model.input.zero_point) != (1 / 128, 0):
        raise ConversionError(
            f"the input must have scale 1/128 and zero point 0; it has {model.input.scale} and {model.input.zero_point}"
        )
    for i, layer in enumerate(model.layers):
        if isinstance(layer, graph.Convolution):
            if not layer.relu or layer.output.zero_point != -128:
                raise ConversionError(
                    f"layer {i}: a convolution must end in ReLU with zero point -128; "
                    f"relu is {layer.relu}, the zero point {layer.output.zero_point}"
                )
            if layer.weight_scales.size != layer.weights.shape[0]:
                raise ConversionError(f"layer {i}: convolution weights must be quantized per channel")


def predict(
    content: bytes | Path, codes: np.ndarray, *, kernels: Kernels, title: str = "", progress: bool = True
) -> np.ndarray:
    """int8 codes (n, window) → int8 scores (n, classes), by LiteRT with its reference kernels or XNNPACK.

    Each core runs a single-threaded interpreter. A score stands for the probability (score + 128) / 256.
    """
    if isinstance(content, Path):
        content = content.read_bytes()
    model = reader.read(content)
    if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] != model.input.size:
        raise UserError(f"expected int8 codes (clips, {model.input.size}), got {codes.dtype} {codes.shape}")
    workers = max(1, min(os.cpu_count() or 1, len(codes)))
    scores = np.empty((len(codes), model.output.size), np.int8)

    with progress_bar(title or kernels, len(codes), enabled=progress) as bar:

        def work(worker: int) -> None:
            runner = litert.Runner(content, reference=kernels == "reference")
            for i in range(worker, len(codes), workers):
                scores[i] = runner.run(codes[i])
                bar.advance()

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    return scores
