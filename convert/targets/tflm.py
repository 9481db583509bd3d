"""Target ``tflm``: the parts of a model that an application with TensorFlow Lite Micro needs, and a self-test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.engine import codegen, detector_source, selftest
from convert.targets import Request, Target
from convert.targets.names import prefix, rename_files
from convert.targets.templates import render
from convert.tflite import reader, tflm_reference
from convert.tflite.artifact import Artifact
from convert.tflite.graph import Convolution
from edgekws.audio import SAMPLE_RATE
from edgekws.listen import detector
from edgekws.model import front_end

RESOLVER_METHODS = {
    "CONV_2D": "AddConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "MAX_POOL_2D": "AddMaxPool2D",
    "RESHAPE": "AddReshape",
    "SOFTMAX": "AddSoftmax",
}
ALIGNMENT = 16  # MicroArenaBufferAlignment()
INTERPRETER_BYTES = 2_048
TENSOR_BYTES = 32
OPERATOR_BYTES = 256
CHANNEL_BYTES = 8


@dataclass(frozen=True)
class Arena:
    """The size of a TFLM arena in bytes, computed from the file. The arena is the memory that TFLM gives to a model."""

    activations: int  # of the tensors, placed as TFLM's greedy planner does
    scratch: int  # upper bound for CMSIS-NN's convolutions: two columns of int16
    structures: int  # upper bound for the interpreter, per tensor, operator and channel

    @property
    def total(self) -> int:
        return _aligned(self.activations + self.scratch + self.structures)


def _write(request: Request, folder: Path) -> dict[str, Any]:
    artifact = request.artifact
    graph = artifact.graph
    operators, _ = _operators(artifact.content)
    needed = arena(artifact)
    names = sorted({name for name, _, _ in operators})
    expected = [
        tflm_reference.run(graph, front_end.codes(clip, artifact))[-1][0]
        for clip in selftest.make_clips(graph.input.size)
    ]
    values = {
        "name": artifact.name,
        "words": artifact.labels,
        "labels": [codegen.c_escaped(label) for label in artifact.labels],
        "sample_rate": SAMPLE_RATE,
        "window": graph.input.size,
        "classes": graph.output.size,
        "mu_law": artifact.coding == "mu_law",
        "coding": artifact.coding,
        "level_control": artifact.level_control,
        "input": graph.input,
        "output": graph.output,
        "arena": needed,
        "methods": [RESOLVER_METHODS[name] for name in names],
        "model_bytes": len(artifact.content),
        "fingerprint": hashlib.sha256(artifact.content).hexdigest()[:8],
        "model": _rows(np.frombuffer(artifact.content, np.uint8)),
        "clips": selftest.CLIPS,
        "expected": [", ".join(str(value) for value in row) for row in expected],
    }
    # the application chooses when to push: a tuned detector keeps its hop, else a result a window
    tuned = artifact.detector
    settings = artifact.settings(tuned.settings.hop if tuned else graph.input.size)
    detector_source.write(settings, folder, classes_from="edgekws_settings.h")
    detector_source.write_header(detector_source.FRONT_END_HEADER, folder, "edgekws_settings.h")
    named = prefix(artifact.name)
    rename_files(folder, named)
    render("tflm", folder, prefix=named, **values)
    return {
        "detector": detector.to_json(settings, artifact.labels),
        "operators": names,
        "arena_bytes": needed.total,
        "arena_origin": "computed from the file; the self-test prints the bytes really used",
        "model_bytes": len(artifact.content),
    }


def arena(artifact: Artifact) -> Arena:
    """The arena that TFLM needs: exact for the planned activations, upper bounds for its structures and scratch."""
    operators, sizes = _operators(artifact.content)
    lives: dict[int, tuple[int, int]] = {}
    for step, (_, inputs, outputs) in enumerate(operators):
        for tensor in (*inputs, *outputs):
            lives[tensor] = (lives.get(tensor, (step, step))[0], step)
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    for tensor in sorted(lives, key=lambda tensor: (-sizes[tensor], tensor)):
        first, last = lives[tensor]
        size, offset = _aligned(sizes[tensor]), 0
        for start, end, begin, stop in sorted(placed):
            if begin <= last and first <= stop and start < offset + size:
                offset = max(offset, end)
        placed.append((offset, offset + size, first, last))
    convolutions = [layer for layer in artifact.graph.layers if isinstance(layer, Convolution)]
    scratch = max((4 * layer.kernel * layer.input.channels for layer in convolutions), default=0)
    channels = sum(layer.output.channels for layer in convolutions)
    structures = (
        INTERPRETER_BYTES
        + TENSOR_BYTES * (len(sizes) + 1)
        + OPERATOR_BYTES * len(operators)
        + CHANNEL_BYTES * (channels + artifact.graph.output.size)
    )
    return Arena(max(end for _, end, _, _ in placed), _aligned(scratch), structures)


def _operators(content: bytes) -> tuple[list[tuple[str, list[int], list[int]]], dict[int, int]]:
    """The file's operators as (name, input activations, output activations), and the bytes of every tensor."""
    from ai_edge_litert import schema_py_generated as schema

    model = reader.unpacked(content)
    subgraph = model.subgraphs[0]
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    sizes = {
        number: int(np.prod(tensor.shape)) * (4 if tensor.type == schema.TensorType.INT32 else 1)
        for number, tensor in enumerate(subgraph.tensors)
    }
    constant = {
        number for number, tensor in enumerate(subgraph.tensors) if model.buffers[tensor.buffer].data is not None
    }
    found = []
    for operator in subgraph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        ports = [[int(t) for t in side if t >= 0 and t not in constant] for side in (operator.inputs, operator.outputs)]
        found.append((names[max(code.builtinCode, code.deprecatedBuiltinCode)], *ports))
    return found, sizes


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _rows(values: np.ndarray) -> list[str]:
    text = [f"0x{value:02x}" for value in values.tolist()]
    return [", ".join(text[i : i + 16]) for i in range(0, len(text), 16)]


TARGETS = (
    Target(
        "tflm",
        "model array, settings, op resolver and self-test for TensorFlow Lite Micro",
        _write,
        engine=False,
        board="whatever runs TensorFlow Lite Micro",
        checked="its text and its arena, by tests here",
    ),
)
