"""Reads a .tflite file, checks it, and returns a `graph.Graph`.

It accepts int8 models like this project's: CONV_2D with a (1, K) kernel over (1, 1, time, channels), MAX_POOL_2D,
RESHAPE (which moves no values here and is dropped), FULLY_CONNECTED and SOFTMAX, in one chain. It refuses anything
else and names it.

It trusts no file. It checks offsets, lengths and shapes against the file's own size before it allocates anything of
that size, and every walk has a fixed depth. A hostile file ends in one clear error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.tflite.graph import Activation, Convolution, Dense, Graph, Layer, MaxPool, Softmax
from edgekws.errors import UserError
from edgekws.guard import untrusted
from edgekws.model.architecture import Padding

MAX_LAYERS = 1000
MAX_ELEMENTS = 1 << 28  # in one tensor


def read(source: str | Path | bytes) -> Graph:
    """Read and check a .tflite file, given by its path or its bytes.

    Raises:
        UserError: it is not a .tflite file, is damaged, or contains something outside the models described above.
    """
    if isinstance(source, bytes):
        return parse(source, "the model")
    return parse(untrusted.content(source, untrusted.MODEL_BYTES), str(source))


def parse(data: bytes, name: str) -> Graph:
    """The graph in the bytes of a .tflite file. Every error message begins with `name`."""
    if data[4:8] != b"TFL3":
        raise UserError(f"{name}: expected a .tflite file, but it does not carry the mark TFL3; give a converted model")
    with untrusted.reading(name, ".tflite file", "convert the model again"):
        try:
            return _Reader(data).graph()
        except _RefusedError as refusal:
            raise UserError(f"{name}: {refusal}") from None


def unpacked(data: bytes, name: str = "the model") -> Any:
    """The whole file as the schema's ModelT, which can be changed and packed again. Raises as ``parse`` does."""
    from ai_edge_litert import schema_py_generated as schema

    parse(data, name)
    with untrusted.reading(name, ".tflite file", "convert the model again"):
        model = schema.ModelT.InitFromPackedBuf(data, 0)
        model.buffers = model.buffers or [schema.BufferT()]  # a model without weights may have none
        return model


class _RefusedError(Exception):
    """Why a file is refused, in one line."""


def _require(condition: bool, refusal: str) -> None:
    if not condition:
        raise _RefusedError(refusal)


@dataclass(frozen=True)
class _Tensor:
    index: int
    shape: tuple[int, ...]
    type: int
    buffer: int
    scales: np.ndarray
    zero_points: np.ndarray
    axis: int

    def __str__(self) -> str:
        return f"tensor {self.index} of shape {self.shape}"


class _Reader:
    """Reads one model through the accessors of the schema that ships with LiteRT."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.data = data
        self.model = schema.Model.GetRootAs(data, 0)
        _require(self.model.SubgraphsLength() == 1, f"expected 1 subgraph, got {self.model.SubgraphsLength()}")
        self.subgraph = self.model.Subgraphs(0)

    def graph(self) -> Graph:
        subgraph = self.subgraph
        operators = subgraph.OperatorsLength()
        _require(0 < operators <= MAX_LAYERS, f"expected 1 to {MAX_LAYERS} operators, got {operators}")
        _require(subgraph.InputsLength() == 1, f"expected 1 input tensor, got {subgraph.InputsLength()}")
        _require(subgraph.OutputsLength() == 1, f"expected 1 output tensor, got {subgraph.OutputsLength()}")
        before = self.tensor(subgraph.Inputs(0))
        layers: list[Layer] = []
        for i in range(operators):
            operator = subgraph.Operators(i)
            op = self.name(operator)
            _require(op in _CONVERTERS, f"{op} is not supported; expected only {', '.join(_CONVERTERS)}")
            _require(operator.InputsLength() > 0 and operator.OutputsLength() == 1, f"{op}: expected one output")
            _require(operator.Inputs(0) == before.index, f"{op} does not read the layer before it; expected a chain")
            after = self.tensor(operator.Outputs(0))
            layer = _CONVERTERS[op](self, op, operator, before, after)
            if layer:
                _require(not layers or _follows(layer, layers[-1]), f"{op}: {before} regroups the frames before it")
                layers.append(layer)
            before = after
        _require(before.index == subgraph.Outputs(0), "the last operator does not write the model's output")
        _require(bool(layers), "the model has no layers")
        return Graph(tuple(layers), len(self.data))

    def name(self, operator: Any) -> str:
        _require(operator.OpcodeIndex() < self.model.OperatorCodesLength(), "an operator has no operator code")
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # older files use the deprecated field
        names = {value: key for key, value in vars(self.schema.BuiltinOperator).items() if isinstance(value, int)}
        return names.get(number, f"operator {number}")

    def tensor(self, index: int) -> _Tensor:
        _require(0 <= index < self.subgraph.TensorsLength(), f"tensor {index} does not exist")
        table = self.subgraph.Tensors(index)
        _require(table.ShapeLength() <= 4, f"tensor {index} has {table.ShapeLength()} dimensions; expected at most 4")
        shape = tuple(int(table.Shape(i)) for i in range(table.ShapeLength()))
        sizes_known = all(size > 0 for size in shape) and math.prod(shape) <= MAX_ELEMENTS
        _require(sizes_known, f"tensor {index} has shape {shape}; expected fixed, sensible sizes and a batch of 1")
        quantization = table.Quantization()
        scales, zero_points, axis = np.zeros(0, np.float32), np.zeros(1, np.int64), 0
        if quantization is not None:
            axis = quantization.QuantizedDimension()
            if quantization.ScaleLength():
                scales = quantization.ScaleAsNumpy()
            if quantization.ZeroPointLength():
                zero_points = quantization.ZeroPointAsNumpy()
        _require(bool(np.all(np.isfinite(scales) & (scales > 0))), f"tensor {index}: scales must be positive")
        return _Tensor(index, shape, table.Type(), table.Buffer(), scales, zero_points, axis)

    def activation(self, op: str, tensor: _Tensor, ranks: tuple[int, ...] = (2, 3, 4)) -> Activation:
        _require(tensor.type == self.schema.TensorType.INT8, f"{op}: {tensor} is not int8; quantize it too")
        fits = len(tensor.shape) in ranks and math.prod(tensor.shape[:-2]) == 1
        fits = fits and (len(tensor.shape) > 2 or tensor.shape[0] == 1)
        _require(fits, f"{op}: {tensor}; expected (1, 1, time, channels) or (1, values)")
        _require(tensor.scales.size == tensor.zero_points.size == 1, f"{op}: {tensor} needs one scale, one zero point")
        zero_point = int(tensor.zero_points[0])
        _require(-128 <= zero_point <= 127, f"{op}: {tensor} has zero point {zero_point}; expected -128 to 127")
        return Activation(tensor.shape[-2], tensor.shape[-1], float(tensor.scales[0]), zero_point, tensor.index)

    def constant(self, op: str, tensor: _Tensor, dtype: type[np.generic], type_number: int) -> np.ndarray:
        """The values stored for a tensor. Its buffer must have exactly the bytes that its shape needs."""
        _require(tensor.type == type_number, f"{op}: {tensor} is not {dtype.__name__}")
        _require(tensor.buffer < self.model.BuffersLength(), f"{op}: {tensor} has no buffer")
        buffer = self.model.Buffers(tensor.buffer)
        stored_after = buffer.Offset() > 1  # files above 2 GB keep buffers after the flatbuffer
        _require(not stored_after, f"{op}: buffers outside the flatbuffer are not supported")
        wanted = math.prod(tensor.shape) * np.dtype(dtype).itemsize
        _require(buffer.DataLength() == wanted, f"{op}: {tensor} needs {wanted} bytes and has {buffer.DataLength()}")
        return np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(tensor.shape)

    def weights(self, op: str, operator: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights with the output channel first, their scales, and the bias."""
        types = self.schema.TensorType
        inputs = operator.InputsLength()
        _require(inputs in (2, 3), f"{op}: {inputs} inputs; expected input, weights, bias")
        tensor = self.tensor(operator.Inputs(1))
        weights = self.constant(op, tensor, np.int8, types.INT8)
        channels = tensor.shape[0] if tensor.shape else 0
        scales = tensor.scales.size
        _require(scales in (1, channels), f"{op}: {scales} weight scales for {channels} channels")
        _require(scales == 1 or tensor.axis == 0, f"{op}: weights are quantized along axis {tensor.axis}")
        _require(not tensor.zero_points.any(), f"{op}: weights need the zero point 0")
        if inputs == 2 or operator.Inputs(2) == -1:
            return weights, tensor.scales, np.zeros(channels, np.int32)
        bias = self.constant(op, self.tensor(operator.Inputs(2)), np.int32, types.INT32).reshape(-1)
        _require(bias.size == channels, f"{op}: {bias.size} biases for {channels} channels")
        return weights, tensor.scales, bias

    def options(self, op: str, operator: Any, kind: str) -> Any:
        table = operator.BuiltinOptions()
        right = table is not None and operator.BuiltinOptionsType() == getattr(self.schema.BuiltinOptions, kind)
        _require(right, f"{op}: expected {kind}")
        options = getattr(self.schema, kind)()
        options.Init(table.Bytes, table.Pos)
        return options

    def relu(self, op: str, options: Any) -> bool:
        function, known = options.FusedActivationFunction(), self.schema.ActivationFunctionType
        _require(function in (known.NONE, known.RELU), f"{op}: fused activation {function}; expected none or ReLU")
        return bool(function == known.RELU)

    def padding(self, op: str, options: Any) -> Padding:
        known = self.schema.Padding
        _require(options.Padding() in (known.SAME, known.VALID), f"{op}: unknown padding {options.Padding()}")
        return "same" if options.Padding() == known.SAME else "valid"


def _follows(layer: Layer, previous: Layer) -> bool:
    """Whether the layers fit together: a RESHAPE between them may only flatten."""
    given, taken = previous.output, layer.input
    keeps_frames = (given.length, given.channels) == (taken.length, taken.channels)
    return keeps_frames or (not isinstance(layer, Convolution | MaxPool) and given.size == taken.size)


def _check_length(op: str, layer: Convolution | MaxPool, window: int) -> None:
    length = layer.input.length if layer.padding == "same" else layer.input.length - window + 1
    expected = -(-length // layer.stride)
    _require(layer.output.length == expected, f"{op}: {layer.output.length} frames come out; expected {expected}")


def _convolution(reader: _Reader, op: str, operator: Any, before: _Tensor, after: _Tensor) -> Layer:
    options = reader.options(op, operator, "Conv2DOptions")
    weights, scales, bias = reader.weights(op, operator)
    source, target = reader.activation(op, before, (4,)), reader.activation(op, after, (4,))
    fits = weights.ndim == 4 and (weights.shape[1], weights.shape[3]) == (1, source.channels)
    _require(fits and len(weights) == target.channels, f"{op}: weights {weights.shape} between {before} and {after}")
    _require(options.DilationWFactor() == options.DilationHFactor() == 1, f"{op}: dilation is not supported")
    _require(options.StrideW() > 0, f"{op}: stride {options.StrideW()}; expected at least 1")
    relu, padding = reader.relu(op, options), reader.padding(op, options)
    layer = Convolution(source, target, weights[:, 0], scales, bias, options.StrideW(), padding, relu)
    _check_length(op, layer, layer.kernel)
    return layer


def _max_pool(reader: _Reader, op: str, operator: Any, before: _Tensor, after: _Tensor) -> Layer:
    options = reader.options(op, operator, "Pool2DOptions")
    source, target = reader.activation(op, before, (4,)), reader.activation(op, after, (4,))
    sensible = options.FilterHeight() == 1 and options.FilterWidth() > 0 and options.StrideW() > 0
    _require(sensible, f"{op}: window {options.FilterHeight()} x {options.FilterWidth()}, stride {options.StrideW()}")
    _require(not reader.relu(op, options), f"{op}: fused ReLU is not supported")
    same = (source.channels, source.scale, source.zero_point) == (target.channels, target.scale, target.zero_point)
    _require(same, f"{op}: {before} and {after} differ in channels or quantization")
    layer = MaxPool(source, target, options.FilterWidth(), options.StrideW(), reader.padding(op, options))
    _check_length(op, layer, layer.window)
    return layer


def _reshape(reader: _Reader, op: str, operator: Any, before: _Tensor, after: _Tensor) -> None:
    source, target = reader.activation(op, before), reader.activation(op, after)
    same = (source.size, source.scale, source.zero_point) == (target.size, target.scale, target.zero_point)
    _require(same, f"{op}: {before} and {after} differ in size or quantization")


def _dense(reader: _Reader, op: str, operator: Any, before: _Tensor, after: _Tensor) -> Layer:
    options = reader.options(op, operator, "FullyConnectedOptions")
    _require(options.WeightsFormat() == 0, f"{op}: shuffled weights are not supported")
    weights, scales, bias = reader.weights(op, operator)
    source, target = reader.activation(op, before), reader.activation(op, after, (2,))
    _require(weights.shape == (target.size, source.size), f"{op}: weights {weights.shape} between {before} and {after}")
    return Dense(source, target, weights, scales, bias, reader.relu(op, options))


def _softmax(reader: _Reader, op: str, operator: Any, before: _Tensor, after: _Tensor) -> Layer:
    options = reader.options(op, operator, "SoftmaxOptions")
    source, target = reader.activation(op, before, (2,)), reader.activation(op, after, (2,))
    _require(source.size == target.size, f"{op}: from {before} to {after}")
    standard = target.scale == 1 / 256 and target.zero_point == -128
    _require(standard, f"{op}: expected an output scale of 1/256 and zero point -128")
    beta = options.Beta()
    _require(math.isfinite(beta) and beta > 0, f"{op}: beta {beta}; expected a positive one")
    return Softmax(source, target, beta)


_CONVERTERS: dict[str, Callable[[_Reader, str, Any, _Tensor, _Tensor], Layer | None]] = {
    "CONV_2D": _convolution,
    "MAX_POOL_2D": _max_pool,
    "RESHAPE": _reshape,
    "FULLY_CONNECTED": _dense,
    "SOFTMAX": _softmax,
}
