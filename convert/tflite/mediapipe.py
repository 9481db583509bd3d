"""Turns the int8 .tflite into the file for phones: float samples in, probabilities out, TFLite Metadata inside.

MediaPipe Tasks' AudioClassifier needs float32 samples (1, window) in [-1, 1), float32 scores (1, classes), and metadata
with the sample rate and the labels. The int8 core stays unchanged, tensor for tensor. Operators before it turn a sample
into the code that ``edgekws.model.coding`` gives for it. DEQUANTIZE after it turns scores into probabilities.

This coding in float is exact with any kernels: every intermediate value is a multiple of 2**-16 that float32 can hold.
First the operators restore the 16-bit sample: s = round(32768 x), half to even, as when a recording is read. Then:

linear   QUANTIZE of (s + 1/2) / 32768. The half sample avoids ties, which kernels round in different ways.
mu_law   In segment k the magnitude is 16 (k - 1) + floor((|s| + 132) / 2**(k + 3)). The slopes of these eight lines
         fall, and neighbouring lines meet where their segments meet. So the magnitude is the floor of the lowest
         line, with a ninth line, 127, for samples that G.711 clips. The sign is s clipped to -1 ... 1, as s is whole.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convert.tflite import reader
from edgekws.audio import SAMPLE_RATE
from edgekws.errors import UserError
from edgekws.model import litert
from edgekws.model.coding import BIAS, CODINGS

LABELS_FILE = "labels.txt"
FULL_SCALE = 32_768
_OPTIONS = {
    "ABS": "AbsOptions",
    "ADD": "AddOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "MUL": "MulOptions",
    "QUANTIZE": "QuantizeOptions",
    "REDUCE_MIN": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
}


def build(content: bytes, labels: Sequence[str], coding: str) -> bytes:
    """The phone file of an int8 model, with a zip of the labels' file appended. The same arguments give the same bytes.

    Args:
        content: a .tflite file that ``reader.read`` accepts, with an input of scale 1/128 and zero point 0.
        labels: one word a class, in the order of the scores.
        coding: how a sample becomes int8, one of ``edgekws.model.coding.CODINGS``.

    Raises:
        UserError: the labels, the coding or the input do not fit.
    """
    model = reader.read(content)
    if len(labels) != model.output.size:
        raise UserError(f"{len(labels)} labels for {model.output.size} classes; give one for each")
    if coding not in CODINGS:
        raise UserError(f"no coding is called {coding!r}; choose one of {', '.join(CODINGS)}")
    if (model.input.scale, model.input.zero_point, model.input.channels) != (1 / 128, 0, 1):
        raise UserError(
            f"the model's input has scale {model.input.scale}, zero point {model.input.zero_point} and "
            f"{model.input.channels} channels; expected samples with scale 1/128 and zero point 0"
        )
    editor = _Editor(content)
    core_input, core_output = int(editor.subgraph.inputs[0]), int(editor.subgraph.outputs[0])
    core = list(editor.subgraph.operators)
    editor.subgraph.operators = []
    samples = editor.activation("samples", (1, model.input.size))
    shape = tuple(int(size) for size in editor.subgraph.tensors[core_input].shape)
    full = editor.operator("RESHAPE", "samples_as_frames", shape, samples, editor.constant(shape, np.int32))
    code = _linear(editor, full) if coding == "linear" else _mu_law(editor, full)
    editor.operator("QUANTIZE", core_input, (), code)
    editor.subgraph.operators += core
    scores = editor.operator("DEQUANTIZE", "scores", (1, model.output.size), core_output)
    editor.subgraph.inputs, editor.subgraph.outputs = np.array([samples], np.int32), np.array([scores], np.int32)
    return editor.packed(_metadata(len(labels))) + _zipped(labels)


def scores(content: bytes | Path, samples: np.ndarray, *, kernels: str = "xnnpack") -> np.ndarray:
    """int16 samples (n, window) → probabilities float32 (n, classes): runs a phone file in LiteRT, in one thread."""
    data = content.read_bytes() if isinstance(content, Path) else content
    runner = litert.Runner(data, reference=kernels == "reference")
    found = np.empty((len(samples), runner.classes), np.float32)
    for i, clip in enumerate(samples):
        found[i] = runner.run(clip.astype(np.float32) / FULL_SCALE)
    return found


def _linear(editor: _Editor, samples: int) -> int:
    """Add operators from samples in [-1, 1) to code / 128, not yet rounded."""
    whole = _whole_samples(editor, samples)
    off_ties = editor.operator("ADD", "off_ties", editor.shape(whole), whole, editor.constant([0.5]))
    return editor.operator("MUL", "code", editor.shape(whole), off_ties, editor.constant([1 / FULL_SCALE]))


def _mu_law(editor: _Editor, samples: int) -> int:
    """Add operators from samples in [-1, 1) to code / 128 of a whole code: the lowest of 9 lines, with a sign."""
    whole = _whole_samples(editor, samples)
    shape, segment = editor.shape(whole), np.arange(8)
    slopes = np.append(2.0 ** -(segment + 3), 0)
    offsets = np.append(BIAS * slopes[:8] + 16 * (segment - 1), 127)
    magnitude = editor.operator("ABS", "magnitude", shape, whole)
    lines_shape = (9, *shape[1:])
    slanted = editor.operator("MUL", "slanted", lines_shape, magnitude, editor.constant(slopes.reshape(9, 1, 1, 1)))
    lines = editor.operator("ADD", "lines", lines_shape, slanted, editor.constant(offsets.reshape(9, 1, 1, 1)))
    lowest = editor.operator("REDUCE_MIN", "lowest", shape, lines, editor.constant([0], np.int32))
    steps = editor.operator("FLOOR", "steps", shape, lowest)
    sign = editor.operator("RELU_N1_TO_1", "sign", shape, whole)
    signed = editor.operator("MUL", "signed_steps", shape, steps, sign)
    return editor.operator("MUL", "code", shape, signed, editor.constant([1 / 128]))


def _whole_samples(editor: _Editor, samples: int) -> int:
    """Add operators from x to s. Additions round it, as float32 has no fractions from 2**23 on; ROUND has no
    reference kernel."""
    shape, wholes = editor.shape(samples), 3 * 2**22
    scaled = editor.operator("MUL", "scaled", shape, samples, editor.constant([FULL_SCALE]))
    shifted = editor.operator("ADD", "shifted", shape, scaled, editor.constant([wholes]))
    return editor.operator("ADD", "whole", shape, shifted, editor.constant([-wholes]))


class _Editor:
    """Adds float tensors and operators to a model. Existing tensors and operators keep their numbers and bytes."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.model = reader.unpacked(content)
        self.model.signatureDefs = None  # they still name the core's input and output
        self.subgraph = self.model.subgraphs[0]
        self.codes: dict[str, int] = {}

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(self.subgraph.tensors[tensor].shape)

    def activation(self, name: str, shape: Sequence[int]) -> int:
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = name.encode(), np.array(shape, np.int32)
        tensor.type, tensor.buffer = self.schema.TensorType.FLOAT32, 0
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def constant(self, values: Any, dtype: type[np.generic] = np.float32) -> int:
        array: np.ndarray = np.asarray(values, dtype)
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        number = self.activation(f"constant_{len(self.subgraph.tensors)}", array.shape)
        tensor = self.subgraph.tensors[number]
        tensor.buffer = len(self.model.buffers) - 1
        if dtype is np.int32:
            tensor.type = self.schema.TensorType.INT32
        return number

    def operator(self, op: str, output: str | int, shape: Sequence[int], *inputs: int) -> int:
        """Append an operator. Its output is a new float tensor of this name and shape, or the existing tensor given."""
        target = self.activation(output, shape) if isinstance(output, str) else output
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(op)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([target], np.int32)
        kind = _OPTIONS.get(op)
        if kind:
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(self.schema, f"{kind}T")()
        if op == "REDUCE_MIN":
            operator.builtinOptions.keepDims = True
        if op == "RESHAPE":
            operator.builtinOptions.newShape = np.array(shape, np.int32)
        self.subgraph.operators.append(operator)
        return target

    def packed(self, metadata: bytes) -> bytes:
        import flatbuffers

        buffer, entry = self.schema.BufferT(), self.schema.MetadataT()
        buffer.data = np.frombuffer(metadata, np.uint8)
        self.model.buffers.append(buffer)
        entry.name, entry.buffer = b"TFLITE_METADATA", len(self.model.buffers) - 1
        self.model.metadata = [*(self.model.metadata or []), entry]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _code(self, op: str) -> int:
        if op not in self.codes:
            code = self.schema.OperatorCodeT()
            code.builtinCode = getattr(self.schema.BuiltinOperator, op)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = 2 if op == "DEQUANTIZE" else 1  # DEQUANTIZE 2 is the first that takes int8
            self.model.operatorCodes.append(code)
            self.codes[op] = len(self.model.operatorCodes) - 1
        return self.codes[op]


def _metadata(classes: int) -> bytes:
    """TFLite Metadata: describes input and output, and says that the labels are in the zip after the model.

    The slot numbers of its tables are those of TensorFlow's metadata_schema.fbs, file identifier M001.
    """
    import flatbuffers
    from flatbuffers import number_types as types

    builder = flatbuffers.Builder(1024)

    def table(slots: dict[int, Any]) -> int:
        """A table of offsets (int), or of (type, value) pairs."""
        builder.StartObject(max(slots) + 1)
        for slot, value in slots.items():
            if isinstance(value, int):
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                builder.PrependSlot(value[0], slot, value[1], 0)
        return builder.EndObject()

    def vector(*offsets: int) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    text = builder.CreateString
    audio = table({0: (types.Uint32Flags, SAMPLE_RATE), 1: (types.Uint32Flags, 1)})
    audio_content = table({0: (types.Uint8Flags, 4), 1: audio})  # 4: AudioProperties
    features = table({0: (types.Uint8Flags, 1), 1: _empty(builder)})  # 1: FeatureProperties
    labels_file = table(
        {0: text(LABELS_FILE), 1: text("One word a class."), 2: (types.Int8Flags, 2)}  # 2: TENSOR_AXIS_LABELS
    )
    samples = table({0: text("samples"), 1: text("Mono samples in [-1, 1)."), 3: audio_content})
    probability = f"Probabilities of {classes} words."
    found = table({0: text("scores"), 1: text(probability), 3: features, 6: vector(labels_file)})
    subgraph = table({2: vector(samples), 3: vector(found)})
    root = table(
        {
            0: text("Keyword spotter"),
            1: text(f"Recognizes one of {classes} words in a clip of audio."),
            3: vector(subgraph),
            7: text("1.3.0"),  # the first parser that knows audio properties
        }
    )
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


def _empty(builder: Any) -> int:
    builder.StartObject(0)
    return builder.EndObject()


def _zipped(labels: Sequence[str]) -> bytes:
    """An uncompressed zip of the labels' file, with zip's earliest date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), "".join(f"{label}\n" for label in labels))
    return out.getvalue()
