"""Lowers the scores of some classes of a model before its softmax. Only biases of the last dense layer change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.tflite import reader
from convert.tflite.graph import Dense, Softmax
from edgekws.errors import UserError


def lower(content: bytes, classes: Sequence[int], nats: float) -> bytes:
    """The .tflite with ``nats`` subtracted from the softmax's input for these classes: post-hoc logit adjustment
    (Menon et al., arXiv:2007.07314, section 4.1).

    Each bias changes by whole units of its own scale, which are far finer than the layer's int8 output.

    Raises:
        UserError: the file is not a model that ``reader.read`` accepts, or does not end in a dense layer with biases
            and a softmax.
    """
    import flatbuffers

    layers = reader.read(content).layers
    model = reader.unpacked(content)
    subgraph = model.subgraphs[0]
    last, softmax = layers[-2] if len(layers) > 1 else None, layers[-1]
    if not isinstance(last, Dense) or not isinstance(softmax, Softmax) or not _has_biases(subgraph.operators[-2]):
        raise UserError("detector.logit_adjustment needs a model that ends in a dense layer with biases and a softmax")
    units = nats / (softmax.beta * last.input.scale * np.broadcast_to(last.weight_scales, last.bias.shape))
    chosen = np.isin(np.arange(last.bias.size), classes)
    least, most = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    biases = np.clip(last.bias - np.where(chosen, np.rint(units), 0), least, most).astype("<i4")
    tensor = subgraph.tensors[subgraph.operators[-2].inputs[2]]
    model.buffers.append(type(model.buffers[0])())  # another tensor may use the buffer too
    model.buffers[-1].data = np.frombuffer(biases.tobytes(), np.uint8)
    tensor.buffer = len(model.buffers) - 1
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _has_biases(dense: Any) -> bool:
    return len(dense.inputs) > 2 and dense.inputs[2] >= 0
