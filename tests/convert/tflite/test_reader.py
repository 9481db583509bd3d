"""convert.tflite.reader: what it reads, and what it refuses."""

from __future__ import annotations

import resource

import flatbuffers
import numpy as np
import pytest
import synthetic_tflite
from ai_edge_litert import schema_py_generated as schema

from convert.tflite import reader
from convert.tflite.graph import Convolution, Dense, MaxPool, Softmax
from edgekws.errors import UserError
from edgekws.model import catalogue
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

SMALL = Architecture("small", (Block((Conv(4, 5),)), Block((Conv(6, 3, 2, "valid"),), Pool(3, "same"))), (5,), 200)


@pytest.fixture(scope="module")
def small() -> bytes:
    return synthetic_tflite.build(SMALL, classes=3)


def changed(data: bytes, change) -> bytes:
    """The file after `change` had its way with the unpacked model."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    change(model)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_reference_model():
    read = reader.read(synthetic_tflite.build(catalogue.find("custom-32/8").architecture))
    assert (read.multiply_accumulates, read.parameters, read.arena_bytes) == (132_748_288, 94_768, 1_024_000)
    assert [type(layer) for layer in read.layers] == [Convolution] + [Convolution, MaxPool] * 7 + [Dense, Softmax]
    assert (read.input.length, read.input.channels, read.input.scale, read.input.zero_point) == (16_000, 1, 1 / 128, 0)
    assert [layer.output.length for layer in read.layers if isinstance(layer, MaxPool)] == [
        5333, 1777, 592, 197, 65, 21, 7,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["custom-32/8", "kernel-5/5", "only-conv/4", "vgg-64/6", "base/5-2fc", "nano"])
def test_figures_equal_the_architecture(name):
    architecture = catalogue.find(name).architecture
    read = reader.read(synthetic_tflite.build(architecture))
    assert read.multiply_accumulates == architecture.macs()
    assert read.parameters == architecture.parameters()
    lengths = [cost.output_shape for cost in architecture.layers()]
    assert [(layer.output.length, layer.output.channels) for layer in read.layers[:-1]] == lengths


def test_layers_carry_what_the_file_says(small, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(small)
    first, second, pool, hidden, classes, softmax = reader.read(path).layers
    assert (first.kernel, first.stride, first.padding, first.pad_before, first.relu) == (5, 1, "same", 2, True)
    assert (second.kernel, second.stride, second.padding, second.pad_before) == (3, 2, "valid", 0)
    assert first.weights.shape == (4, 5, 1)
    assert first.weight_scales.shape == first.bias.shape == (4,)
    assert second.output.length == 99
    assert (pool.window, pool.stride, pool.output.length, pool.pad_before) == (3, 3, 33, 0)
    assert hidden.weights.shape == (5, 33 * 6)
    assert (hidden.relu, classes.relu) == (True, False)
    assert hidden.weight_scales.shape == (1,)
    assert (softmax.beta, softmax.output.zero_point) == (1.0, -128)


def test_padding_of_an_incomplete_first_group():
    """16,000 - 24 positions in groups of 5 lack 4: two before, two behind."""
    architecture = Architecture("x", (Block((Conv(2, 25, 1, "valid"),), Pool(5, "same")),))
    pool = reader.read(synthetic_tflite.build(architecture)).layers[1]
    assert (pool.output.length, pool.pad_before) == (3196, 2)


def test_not_a_tflite_file(tmp_path):
    (tmp_path / "notes.txt").write_text("hello, this is no model")
    with pytest.raises(UserError, match="mark TFL3"):
        reader.read(tmp_path / "notes.txt")
    with pytest.raises(UserError, match=r"missing.*cannot be read"):
        reader.read(tmp_path / "missing")
    with pytest.raises(UserError, match="cannot be read"):
        reader.read(tmp_path)


def operators(model):
    return model.subgraphs[0].operators


def tensor(model, operator, number):
    return model.subgraphs[0].tensors[operators(model)[operator].inputs[number]]


def set_code(model, operator, name):
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    model.operatorCodes.append(code)
    operators(model)[operator].opcodeIndex = len(model.operatorCodes) - 1


REFUSED = {
    "ADD is not supported": lambda m: set_code(m, 0, "ADD"),
    "expected 1 subgraph": lambda m: m.subgraphs.append(m.subgraphs[0]),
    "fused activation": lambda m: setattr(operators(m)[0].builtinOptions, "fusedActivationFunction", 3),
    "dilation": lambda m: setattr(operators(m)[0].builtinOptions, "dilationWFactor", 2),
    "stride 0": lambda m: setattr(operators(m)[0].builtinOptions, "strideW", 0),
    "frames come out": lambda m: setattr(operators(m)[0].builtinOptions, "padding", schema.Padding.VALID),
    "zero point 0": lambda m: setattr(tensor(m, 0, 1).quantization, "zeroPoint", np.full(4, 3, np.int64)),
    "weight scales for": lambda m: setattr(tensor(m, 0, 1).quantization, "scale", np.ones(3, np.float32)),
    "scales must be positive": lambda m: setattr(tensor(m, 0, 1).quantization, "scale", -np.ones(4, np.float32)),
    "along axis": lambda m: setattr(tensor(m, 0, 1).quantization, "quantizedDimension", 3),
    "needs 20 bytes and has 3": lambda m: setattr(m.buffers[tensor(m, 0, 1).buffer], "data", np.zeros(3, np.uint8)),
    "expected fixed, sensible sizes": lambda m: setattr(tensor(m, 0, 0), "shape", np.array([-1, 1, 200, 1], np.int32)),
    "sensible sizes": lambda m: setattr(tensor(m, 0, 1), "shape", np.full(4, 2**30, np.int32)),
    "is not int8": lambda m: setattr(tensor(m, 0, 0), "type", schema.TensorType.FLOAT32),
    "zero point 200": lambda m: setattr(tensor(m, 0, 0).quantization, "zeroPoint", np.array([200], np.int64)),
    "expected a chain": lambda m: operators(m).reverse(),
    "does not write the model's output": lambda m: operators(m).pop(),
    "expected 1 to 1000 operators": lambda m: operators(m).clear(),
    "differ in channels or quantization": lambda m: setattr(tensor(m, 2, 0).quantization, "scale", np.ones(1, "f4")),
    "output scale of 1/256": lambda m: setattr(
        m.subgraphs[0].tensors[m.subgraphs[0].outputs[0]].quantization, "scale", np.ones(1, np.float32)
    ),
    "beta": lambda m: setattr(operators(m)[-1].builtinOptions, "beta", float("nan")),
}


@pytest.mark.parametrize("refusal", REFUSED)
def test_refused(small, refusal):
    reader.read(changed(small, lambda model: None))  # so that it is the change that is refused
    with pytest.raises(UserError, match=refusal):
        reader.read(changed(small, REFUSED[refusal]))


def test_a_reshape_that_regroups_frames_is_refused():
    """(1, 1, 100, 2) → (1, 1, 50, 4) between two convolutions keeps the size and changes the meaning."""
    architecture = Architecture("x", (Block((Conv(2, 3), Conv(4, 3))),), (), 100)
    data = synthetic_tflite.build(
        architecture, options=synthetic_tflite.Options(bias=False, conv_per_tensor=True, relu=False)
    )

    def regroup(model):
        first, second, reshape, *_ = operators(model)
        tensors = model.subgraphs[0].tensors
        regrouped, result = tensors[reshape.outputs[0]], tensors[second.outputs[0]]
        regrouped.shape, result.shape = np.array([1, 1, 50, 4], np.int32), np.array([1, 1, 50, 2], np.int32)
        regrouped.quantization = tensors[first.outputs[0]].quantization
        tensors[second.inputs[1]].shape = np.array([2, 1, 3, 4], np.int32)
        reshape.inputs = np.array([first.outputs[0], reshape.inputs[1]], np.int32)
        second.inputs = np.array([reshape.outputs[0], *second.inputs[1:]], np.int32)
        operators(model)[1:3] = [reshape, second]

    with pytest.raises(UserError, match="regroups the frames"):
        reader.read(changed(data, regroup))


def check_mutants(data: bytes, count: int, seed: int) -> int:
    """Read mutants of a file; returns how many of them were still valid."""
    random = np.random.default_rng(seed)
    valid = 0
    for _ in range(count):
        mutant = bytearray(data)
        kind = random.integers(4)
        for _ in range(random.integers(1, 8)):
            at = int(random.integers(8, len(mutant) - 4))
            if kind == 0:  # bits
                mutant[at] ^= 1 << int(random.integers(8))
            elif kind == 1:  # offsets and lengths: large, small, negative
                value = random.choice([0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF, len(data)])
                mutant[at & ~3 : (at & ~3) + 4] = int(value).to_bytes(4, "little")
            elif kind == 2:  # runs copied elsewhere
                other, size = int(random.integers(8, len(mutant) - 4)), int(random.integers(1, 64))
                run = mutant[other : other + size]
                mutant[at : at + len(run)] = run
            else:  # cut off
                del mutant[max(at, 16) :]
                break
        try:
            reader.read(bytes(mutant))
            valid += 1
        except UserError:
            pass
    return valid


def test_a_thousand_mutants_end_in_an_error_or_a_graph(small):
    assert 0 < check_mutants(small, 1000, seed=1) < 1000


@pytest.mark.slow
def test_ten_thousand_mutants_stay_below_a_gigabyte(small):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 0 < check_mutants(small, 10_000, seed=2) < 10_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # kilobytes
