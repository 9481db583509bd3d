"""Moves time to the height axis of a model: (1, time, 1, channels) in place of (1, 1, time, channels).

Ethos-U computes a cascade of convolutions in stripes of rows. With time on the width axis there is only one row, so
whole activations stay in SRAM. Swapping the two axes moves no value, as one of them has size 1: weights, biases and
scores keep their bytes.
"""

from __future__ import annotations

import numpy as np

from convert.tflite import reader


def swap_axes(content: bytes) -> bytes:
    """The .tflite with height and width swapped everywhere. Raises UserError as ``reader.read`` does."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = reader.unpacked(content)
    subgraph = model.subgraphs[0]
    for tensor in subgraph.tensors:
        if tensor.shape is not None and len(tensor.shape) == 4:
            tensor.shape = _swapped(tensor.shape)
            if tensor.shapeSignature is not None:
                tensor.shapeSignature = _swapped(tensor.shapeSignature)
    for operator in subgraph.operators:
        options = operator.builtinOptions
        if isinstance(options, schema.Conv2DOptionsT):
            options.strideH, options.strideW = options.strideW, options.strideH
        elif isinstance(options, schema.Pool2DOptionsT):
            options.strideH, options.strideW = options.strideW, options.strideH
            options.filterHeight, options.filterWidth = options.filterWidth, options.filterHeight
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _swapped(shape: np.ndarray) -> np.ndarray:
    return np.array([shape[0], shape[2], shape[1], shape[3]], np.int32)
