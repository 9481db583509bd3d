"""convert.engine.codegen: the folder that it writes, and what it refuses."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import codegen
from convert.engine.fixed_point import exponentials, quantized_multiplier
from convert.tflite import graph
from convert.tflite.graph import Activation, Softmax
from edgekws.errors import UserError
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

SMALL = Architecture("small", (Block((Conv(4, 5),)), Block((Conv(6, 3),), Pool(3))), (), 200)


@pytest.fixture(scope="module")
def small():
    return synthetic_tflite.graph(SMALL, classes=3)


def test_same_arguments_same_bytes(small, tmp_path):
    for name in "ab":
        codegen.generate(small, ["x", "y", "z"], tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {*codegen.ENGINE_FILES, "edgekws_window.c", "kernels_portable.c"} <= set(files)
    assert {"edgekws_model.h", "edgekws_model.c"} <= set(files)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_generated_files_say_so_and_which_kernel_runs(small, tmp_path):
    codegen.generate(small, ["x", "y", "z"], tmp_path)
    for name in ("edgekws_model.h", "edgekws_model.c"):
        assert (tmp_path / name).read_text().startswith("/* Generated")
    source = (tmp_path / "edgekws_model.c").read_text()
    assert source.count("edgekws_convolve_portable: the reference takes every shape") == 2
    assert "float" not in source
    assert "double" not in source


def test_weights_are_constants_of_the_model(small, tmp_path):
    codegen.generate(small, ["x", "y", "z"], tmp_path)
    source = (tmp_path / "edgekws_model.c").read_text()
    written = re.search(r"stage_1_weights\[72\] = \{(.*?)\}", source, re.DOTALL).group(1)
    assert [int(value) for value in re.findall(r"-?\d+", written)] == small.layers[1].weights.ravel().tolist()


def test_labels_become_plain_string_literals(small, tmp_path):
    codegen.generate(small, ['say "hi"', "grün\n", "a\\b??/"], tmp_path)
    line = next(x for x in (tmp_path / "edgekws_model.c").read_text().splitlines() if "edgekws_labels[" in x)
    assert line.isascii()
    assert r'"say \042hi\042", "gr\303\274n\012", "a\134b\077\077/"' in line


def test_state_grows_with_positions(small, tmp_path):
    sizes = [codegen.generate(small, ["x", "y", "z"], tmp_path, positions=n).state_bytes for n in (1, 12, 48)]
    assert sizes == sorted(set(sizes))


def test_the_folder_holds_one_mode(small, tmp_path):
    codegen.generate(small, ["x", "y", "z"], tmp_path)
    assert (tmp_path / "edgekws_window.c").exists()
    (tmp_path / "own.c").write_text("/* the user's own */")
    codegen.generate(small, ["x", "y", "z"], tmp_path, mode="sliding")
    assert not (tmp_path / "edgekws_window.c").exists()
    assert {"edgekws_sliding.c", "own.c"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"labels": ["x"]}, "1 labels for 3 classes"),
        ({"kernels": "magic"}, "no kernels are called 'magic'"),
        ({"coding": "a_law"}, "no coding is called 'a_law'"),
        ({"mode": "jumping"}, "no mode is called 'jumping'"),
        ({"hop": 60}, "a hop of 60 samples needs mode 'sliding', got 'window'"),
        ({"mode": "sliding", "hop": 0}, "expected a hop of 1 to 199 samples, less than a window, got 0"),
        ({"mode": "sliding", "hop": 200}, "expected a hop of 1 to 199 samples, less than a window, got 200"),
        ({"mode": "sliding", "hop": 199}, "no work can be shared between windows of 200 samples 199 apart"),
    ],
)
def test_wrong_arguments(small, tmp_path, arguments, refusal):
    with pytest.raises(UserError, match=refusal):
        codegen.generate(small, **{"labels": ["x", "y", "z"], "destination": tmp_path / "new", **arguments})
    assert not (tmp_path / "new").exists()


def refusal_of(architecture, tmp_path, options=None, classes=3):
    read = synthetic_tflite.graph(architecture, classes, options or synthetic_tflite.Options())
    with pytest.raises(UserError) as error:
        codegen.generate(read, [str(i) for i in range(classes)], tmp_path)
    return str(error.value)


def test_refused_models(small, tmp_path):
    assert "a dense layer after" in _refusal(tmp_path, small.layers[:2])
    assert "a convolution as the first" in _refusal(tmp_path, small.layers[3:])
    assert "one channel" in _refusal(tmp_path, small.layers[1:])
    assert "right after a convolution" in _refusal(tmp_path, (*small.layers[:3], *small.layers[2:]))
    assert "at most 511 classes" in refusal_of(SMALL, tmp_path, classes=512)
    overlapping = type(small.layers[2])(small.layers[1].output, small.layers[2].output, 4, 3, "valid")
    assert "window 4, stride 3" in _refusal(tmp_path, (*small.layers[:2], overlapping, *small.layers[3:]))


def _refusal(tmp_path, layers):
    with pytest.raises(UserError) as error:
        codegen.generate(graph.Graph(tuple(layers), 0), ["w"] * layers[-1].output.size, tmp_path)
    return str(error.value)


def test_sums_that_could_leave_32_bits_are_refused(small, tmp_path):
    first = small.layers[0]
    large = graph.Convolution(
        first.input, first.output, first.weights, first.weight_scales, np.full(4, 2**31 - 1, np.int32), 1, "same", True
    )
    assert "convolution 1: its sums may exceed 32 bits" in _refusal(tmp_path, (large, *small.layers[1:]))


@pytest.mark.parametrize("scale", [2.0**-100, 3e38, 1e30, 2.0**40, 2.0**33, 1e20])
def test_a_left_shift_that_leaves_32_bits_is_refused_in_every_kind_of_layer(small, tmp_path, scale):
    for index, layer in enumerate(small.layers):
        if not isinstance(layer, graph.Convolution | graph.Dense):
            continue
        scales = np.full(layer.weight_scales.shape, scale, np.float32)
        layers = list(small.layers)
        layers[index] = dataclasses.replace(layer, weight_scales=scales)
        if scale < 1:  # to the right is always right
            codegen.generate(graph.Graph(tuple(layers), 0), ["w"] * layers[-1].output.size, tmp_path)
            continue
        assert "its sums may exceed 32 bits" in _refusal(tmp_path, layers) or "too large or too small" in _refusal(
            tmp_path, layers
        )


@pytest.mark.parametrize(
    ("real", "expected"),
    [(0.5, (2**30, 0)), (1.0, (2**30, 1)), (0.75 / 256, (3 * 2**29, -8)), (1 - 2**-40, (2**30, 1)), (2.0**-40, (0, 0))],
)
def test_quantized_multiplier(real, expected):
    assert quantized_multiplier(real) == expected


def test_exponentials_are_close_to_exp():
    softmax = Softmax(Activation(1, 3, 0.1, 0, 0), Activation(1, 3, 1 / 256, -128, 1), 1.0)
    table = exponentials(softmax)
    np.testing.assert_allclose(table / 2**31, np.exp(-0.1 * np.arange(table.size)), atol=1e-6)
    assert table[0] == 2**31 - 1
    assert table[-1] > 0
