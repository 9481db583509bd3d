"""The kernels for Helium on an emulated Cortex-M55: equal to TensorFlow Lite Micro to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic_tflite
from engine.test_engine import OPTIONS, SHAPES, clips

from convert.engine import codegen, emulation
from convert.engine.kernels import mve
from convert.tflite import artifact, reader, tflm_reference
from edgekws import zoo
from edgekws.model import catalogue, coding
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

pytestmark = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools())

# Every pool from none to one past the usual, clipped first and last outputs, two convolutions a block, fewer than four
# positions a window, channels that are no multiple of 16 behind ones that are.
TILED = {
    "no pool": Architecture("", (Block((Conv(16, 5), Conv(16, 5), Conv(32, 5))),), (), 117),
    "pool 2": Architecture("", (Block((Conv(16, 5),)), Block((Conv(16, 5),), Pool(2))), (), 101),
    "pool 3": Architecture("", (Block((Conv(32, 5),)), Block((Conv(48, 5),), Pool(3)), Block((Conv(16, 5),))), (), 190),
    "pool 4, both ends clipped": Architecture(
        "", (Block((Conv(16, 5),)), Block((Conv(16, 5),), Pool(4, "same"))), (), 202
    ),
    "pool 12": Architecture("", (Block((Conv(16, 5),)), Block((Conv(16, 5),), Pool(12))), (), 125),
    "pool 13": Architecture("", (Block((Conv(16, 5),)), Block((Conv(16, 5),), Pool(13))), (), 125),
    "three positions": Architecture("", (Block((Conv(16, 5),)), Block((Conv(32, 5),), Pool(3))), (), 3),
    "valid": Architecture("", (Block((Conv(16, 5, 1, "valid"),)), Block((Conv(16, 5, 1, "valid"),), Pool(3))), (), 90),
    "24 channels": Architecture(
        "", (Block((Conv(24, 5),)), Block((Conv(16, 5),), Pool(3)), Block((Conv(24, 5),))), (), 90
    ),
    "stride 2": Architecture("", (Block((Conv(16, 5, 2),)), Block((Conv(16, 5, 2),), Pool(3))), (), 200),
    "4 taps": Architecture("", (Block((Conv(16, 4),)), Block((Conv(16, 4),), Pool(3))), (), 90),
}


def check(architecture, folder, options="no softmax", **generating):
    """A hundred dense sums of everything before them show any difference. Returns the functions of the stages."""
    data = synthetic_tflite.build(architecture, classes=100, options=OPTIONS[options])
    read = reader.read(data)
    plan = codegen.generate(read, [str(i) for i in range(100)], folder, kernels="mve", **generating)
    windows = np.stack(list(clips(read.input.length).values()))
    golden = [tflm_reference.run(read, coding.encode(window, "linear"))[-1][0] for window in windows]
    measured = emulation.measure(folder, "cortex-m55", windows)
    np.testing.assert_array_equal(measured.scores, golden)
    return [planned.kernel.function.removeprefix("edgekws_convolve_") for planned in plan.stages]


@pytest.mark.parametrize(("channels", "taps"), sorted(mve.SHAPES))
def test_every_tile(channels, taps, tmp_path):
    architecture = Architecture("", (Block((Conv(channels, taps),)), Block((Conv(16, taps),), Pool(3))), (), 130)
    assert check(architecture, tmp_path) == ["mve_samples", f"mve_{channels}x{taps}"]


@pytest.mark.parametrize("name", TILED)
def test_tiles(name, tmp_path):
    check(TILED[name], tmp_path)


# Runs of 2, 5, 7, 1, 8 vectors, and of 3, 9, 4, 6: alone and four positions at a time, odd numbers of positions, fewer
# than four, and numbers of channels out that are no multiple of 16.
RUNS = {
    "stride 2": Architecture(
        "",
        (
            Block((Conv(20, 17, 2), Conv(36, 4)), Pool(3)),
            Block((Conv(8, 3), Conv(24, 2), Conv(28, 5, 2)), Pool(2)),
            Block((Conv(12, 3),)),
        ),
        (),
        97,
    ),
    "stride 8": Architecture(
        "", (Block((Conv(24, 40, 8), Conv(20, 6, 3))), Block((Conv(32, 3), Conv(12, 3, 2)), Pool(5, "same"))), (), 600
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_strided_runs(name, tmp_path):
    assert set(check(RUNS[name], tmp_path)) == {"mve_run"}


@pytest.mark.parametrize("name", ["stride 10 of 40", "stride above kernel"])
def test_strides(name, tmp_path):
    check(SHAPES[name], tmp_path)


@pytest.mark.parametrize("positions", [1, 5, 100])
def test_positions(positions, tmp_path):
    check(TILED["pool 3"], tmp_path, positions=positions)


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    functions = check(TILED["pool 3"], tmp_path, options)
    general = options in ("any zero points", "no ReLU", "no ReLU, any zero points")
    assert functions == (["mve"] * 3 if general else ["mve_samples", "mve_32x5", "mve_48x5"])


def test_shifts_to_the_left(tmp_path):
    architecture = Architecture("", (Block((Conv(4, 1),)), Block((Conv(1, 1),), Pool(4))), (), 64)
    assert check(architecture, tmp_path, "small weights") == ["mve", "mve"]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, tmp_path):
    check(SHAPES[shape], tmp_path)


@pytest.mark.parametrize(("name", "most"), [("nano", 1_600_000), ("small", 4_200_000)])
def test_shipped_models(name, most, tmp_path):
    """TensorFlow Lite Micro with CMSIS-NN takes 4.2 and 8.3 million."""
    model = artifact.load(zoo.place(name), None, None)
    plan = codegen.generate_of(model, tmp_path, kernels="mve", mode="window")
    clip = np.random.default_rng(0).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    measured = emulation.measure(tmp_path, "cortex-m55", clip)
    golden = tflm_reference.run(model.graph, coding.encode(clip[0], model.coding))[-1][0]
    np.testing.assert_array_equal(measured.scores[0], golden)
    assert measured.instructions[0] <= most
    assert plan.state_bytes <= 6400


def test_reference_model(tmp_path):
    read = synthetic_tflite.graph(catalogue.find("custom-32/8").architecture)
    plan = codegen.generate(read, [str(i) for i in range(16)], tmp_path, kernels="mve")
    clip = np.random.default_rng(0).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    measured = emulation.measure(tmp_path, "cortex-m55", clip)
    golden = tflm_reference.run(read, coding.encode(clip[0], "linear"))[-1][0]
    np.testing.assert_array_equal(measured.scores[0], golden)
    assert measured.instructions[0] <= 17_500_000
    assert plan.state_bytes + measured.stack_bytes <= 8192


@pytest.mark.parametrize("coded", coding.CODINGS)
def test_every_sample_is_coded_as_on_a_pc(coded, tmp_path):
    """Eight samples at a time, in chunks of any length."""
    architecture = Architecture("", (Block((Conv(16, 1, 1),)),), (), 512)
    read = synthetic_tflite.graph(architecture, 32, options=OPTIONS["no softmax"])
    codegen.generate(read, [f"word{i}" for i in range(32)], tmp_path, kernels="mve", coding=coded)
    samples = np.random.default_rng(0).permutation(np.arange(-32768, 32768)).astype(np.int16).reshape(-1, 512)
    golden = [tflm_reference.run(read, coding.encode(window, coded))[-1][0] for window in samples]
    np.testing.assert_array_equal(emulation.measure(tmp_path, "cortex-m55", samples, push=161).scores, golden)
