"""Valid int8 .tflite files of any architecture of the family, with random weights, written without TensorFlow.

Scales are chosen from the weights' statistics so that activations use the int8 range: neither dead nor saturated.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from convert.tflite import reader
from convert.tflite.graph import Graph
from edgekws.model.architecture import Architecture, output_length

VERSIONS = {  # of the operators that take int8
    schema.BuiltinOperator.CONV_2D: 3,
    schema.BuiltinOperator.MAX_POOL_2D: 2,
    schema.BuiltinOperator.FULLY_CONNECTED: 4,
    schema.BuiltinOperator.SOFTMAX: 2,
}
ACTIVATION_DEVIATION = 80.0  # int8 steps that one standard deviation of a layer's sums is mapped to


@dataclass(frozen=True)
class Options:
    """What may vary in a file of one architecture."""

    seed: int = 0
    input_zero_point: int = 0
    random_zero_points: bool = False  # else -128 after ReLU, as quantization-aware training gives, and 0 elsewhere
    relu: bool = True
    dense_per_channel: bool = False
    conv_per_tensor: bool = False
    bias: bool = True
    softmax: bool = True
    weight_limit: int = 127  # weights are uniform in -limit ... limit


def build(architecture: Architecture, classes: int = 16, options: Options = Options()) -> bytes:
    """The bytes of the file: CONV_2D, MAX_POOL_2D, RESHAPE, FULLY_CONNECTED, SOFTMAX."""
    return _Writer(architecture, classes, options).bytes()


@lru_cache(maxsize=64)
def graph(architecture: Architecture, classes: int = 16, options: Options = Options()) -> Graph:
    """The graph of the same file, made and read once: many tests hold their engine against the same one."""
    return reader.read(build(architecture, classes, options))


class _Writer:
    def __init__(self, architecture: Architecture, classes: int, options: Options) -> None:
        self.options = options
        self.random = np.random.default_rng(options.seed)
        self.tensors: list[schema.TensorT] = []
        self.buffers = [schema.BufferT()]
        self.operators: list[schema.OperatorT] = []
        self.codes: list[int] = []
        self.length, self.channels = architecture.window, 1
        self.scale, self.zero_point = 1 / 128, options.input_zero_point
        self.current = self.first = self.activation([1, 1, self.length, 1])
        for block in architecture.blocks:
            for conv in block.convolutions:
                self.convolution(conv.channels, conv.kernel, conv.stride, conv.padding)
            if block.pool:
                self.pool(block.pool.size, block.pool.padding)
        features = self.length * self.channels
        flat = self.activation([1, features])
        self.operator("RESHAPE", [self.current, self.tensor([2], np.array([1, features], np.int32))], flat)
        for units in architecture.hidden:
            self.dense(features, units, relu=True)
            features = units
        self.dense(features, classes, relu=False)
        if options.softmax:
            self.scale, self.zero_point = 1 / 256, -128
            softmax = schema.SoftmaxOptionsT()
            softmax.beta = 1.0
            self.operator("SOFTMAX", [self.current], self.activation([1, classes]), "SoftmaxOptions", softmax)

    def convolution(self, channels: int, kernel: int, stride: int, padding: str) -> None:
        options = schema.Conv2DOptionsT()
        options.strideH, options.strideW = 1, stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.padding = schema.Padding.SAME if padding == "same" else schema.Padding.VALID
        options.fusedActivationFunction = int(self.options.relu)
        shape, per_channel = [channels, 1, kernel, self.channels], not self.options.conv_per_tensor
        constants = self.weights(shape, per_channel, self.options.relu)
        self.length, self.channels = output_length(self.length, kernel, stride, padding), channels
        output = self.activation([1, 1, self.length, channels])
        self.operator("CONV_2D", [self.current, *constants], output, "Conv2DOptions", options)

    def pool(self, size: int, padding: str) -> None:
        options = schema.Pool2DOptionsT()
        options.filterHeight, options.filterWidth, options.strideH, options.strideW = 1, size, 1, size
        options.padding = schema.Padding.SAME if padding == "same" else schema.Padding.VALID
        self.length = output_length(self.length, size, size, padding)
        output = self.activation([1, 1, self.length, self.channels])
        self.operator("MAX_POOL_2D", [self.current], output, "Pool2DOptions", options)

    def dense(self, features: int, units: int, relu: bool) -> None:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = int(relu)
        constants = self.weights([units, features], self.options.dense_per_channel, relu)
        self.operator(
            "FULLY_CONNECTED", [self.current, *constants], self.activation([1, units]), "FullyConnectedOptions", options
        )

    def weights(self, shape: list[int], per_channel: bool, relu: bool) -> list[int]:
        """Tensors of random weights and biases; moves scale and zero point on to those of the layer's output."""
        limit, channels, fan_in = self.options.weight_limit, shape[0], int(np.prod(shape[1:]))
        values = self.random.integers(-limit, limit, shape, np.int8, endpoint=True)
        deviation = 60 * 0.58 * limit * np.sqrt(fan_in)  # of the int32 sums: inputs of about 60 steps
        rescale = ACTIVATION_DEVIATION / deviation * self.random.uniform(0.6, 1.6, channels if per_channel else 1)
        scale_in, self.scale = self.scale, float(np.float32(self.random.uniform(0.02, 0.2)))
        scales = (rescale * self.scale / scale_in).astype(np.float32)
        self.zero_point = -128 if relu else 0
        if self.options.random_zero_points:
            self.zero_point = int(self.random.integers(-128, 128))
        tensors = [self.tensor(shape, values, scales)]
        if self.options.bias:
            bias = self.random.normal(0, deviation / 3, channels).astype(np.int32)
            bias_scales = (scales * scale_in).astype(np.float32)
            return [*tensors, self.tensor([channels], bias, bias_scales)]
        return [*tensors, -1]

    def activation(self, shape: list[int]) -> int:
        return self.tensor(shape, None, np.array([self.scale], np.float32), self.zero_point)

    def tensor(
        self, shape: list[int], values: np.ndarray | None, scales: np.ndarray | None = None, zero_point: int = 0
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape = np.array(shape, np.int32)
        tensor.name = f"t{len(self.tensors)}".encode()
        int32 = values is not None and values.dtype == np.int32
        tensor.type = schema.TensorType.INT32 if int32 else schema.TensorType.INT8
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(scales.size, zero_point, np.int64)
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(self, name: str, inputs: list[int], output: int, kind: str = "", options: object = None) -> None:
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        if kind:
            operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, kind), options
        self.operators.append(operator)
        self.current = output

    def bytes(self) -> bytes:
        subgraph = schema.SubGraphT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = np.array([self.first], np.int32), np.array([self.current], np.int32)
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self.buffers
        model.operatorCodes = []
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.deprecatedBuiltinCode = entry.builtinCode = code
            entry.version = VERSIONS.get(code, 1)
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def main() -> None:
    """``python tests/synthetic_tflite.py ARCHITECTURE FILE``: a catalogue model with random weights, to be profiled."""
    from edgekws.model import catalogue

    name, path = sys.argv[1:]
    Path(path).write_bytes(build(catalogue.find(name).architecture))


if __name__ == "__main__":
    main()
