"""The kernels for 64-bit Arm, with and without the dot product, emulated: equal to TensorFlow Lite Micro to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_tflite
from engine.test_engine import OPTIONS, SHAPES, clips
from engine.test_mve import TILED

from convert.engine import codegen, hosted, plan
from convert.engine import kernels as kernel_sets
from convert.tflite import artifact, reader, tflm_reference
from edgekws import zoo
from edgekws.model import coding
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

CORES = ("aarch64", "aarch64-dotprod")
pytestmark = pytest.mark.skipif(bool(hosted.missing_tools("aarch64")), reason=hosted.missing_tools("aarch64") or "-")
ARCHITECTURES = TILED | {
    "stride 10 of 40": SHAPES["stride 10 of 40"],
    "stride above kernel": SHAPES["stride above kernel"],
    "11 channels, both ends clipped": Architecture(
        "", (Block((Conv(11, 9, 3),)), Block((Conv(7, 5),), Pool(5, "same"))), (), 402
    ),
}


def check(core, architecture, folder, options="no softmax", **generating):
    """A hundred dense sums of everything before them show any difference."""
    data = synthetic_tflite.build(architecture, classes=100, options=OPTIONS[options])
    read = reader.read(data)
    made = codegen.generate(read, [str(i) for i in range(100)], folder, kernels="neon", **generating)
    windows = np.stack(list(clips(read.input.length).values()))
    golden = [tflm_reference.run(read, coding.encode(window, "linear"))[-1][0] for window in windows]
    np.testing.assert_array_equal(hosted.measure(folder, core, windows).scores, golden)
    assert {planned.kernel.function for planned in made.stages} == {"edgekws_convolve_neon"}


@pytest.mark.parametrize("shape", ARCHITECTURES)
@pytest.mark.parametrize("core", CORES)
def test_shapes(core, shape, tmp_path):
    check(core, ARCHITECTURES[shape], tmp_path)


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    check("aarch64", TILED["24 channels"], tmp_path, options)


def test_one_position_a_call(tmp_path):
    check("aarch64", TILED["24 channels"], tmp_path, positions=1)


@pytest.mark.parametrize(("core", "most"), [("aarch64", 8_000_000), ("aarch64-dotprod", 4_000_000)])
def test_instructions_of_the_small_model(core, most, tmp_path):
    """The portable kernels take 26 million."""
    small = artifact.load(zoo.place("small"), None, None)
    codegen.generate_of(small, tmp_path, kernels="neon", mode="window")
    clip = np.random.default_rng(0).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    measured = hosted.measure(tmp_path, core, clip, optimization="-O3")
    golden = tflm_reference.run(small.graph, coding.encode(clip[0], small.coding))[-1][0]
    np.testing.assert_array_equal(measured.scores[0], golden)
    print(f"{core}: {measured.instructions[0]} instructions")
    assert measured.instructions[0] <= most


def test_a_weight_of_minus_128_goes_to_the_reference():
    read = synthetic_tflite.graph(TILED["24 channels"])
    stage = plan.plan(read, kernel_sets.find("neon")).stages[0].stage
    lowest = replace(stage, weights=np.full_like(stage.weights, -128))
    assert kernel_sets.find("neon").stage(stage, None).function == "edgekws_convolve_neon"
    assert kernel_sets.find("neon").stage(lowest, None).function == "edgekws_convolve_portable"
