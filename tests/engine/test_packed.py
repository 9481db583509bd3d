"""The kernels for cores without SIMD: plain C here, RV32 and the assembly of a Cortex-M0 emulated, equal to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, assert_equal_to_tflm, clips
from engine.test_mve import TILED

from convert.engine import codegen, emulation, hosted, plan
from convert.engine import kernels as kernel_sets
from convert.tflite import artifact, tflm_reference
from convert.tflite.graph import Convolution
from edgekws import zoo
from edgekws.model import coding

FLAGS = ("-DEDGEKWS_PACKED_ANYWHERE",)
MISSING = {"cortex-m0": emulation.missing_tools(), "rv32imc": hosted.missing_tools("rv32imc")}


def measure(core, *arguments):
    if MISSING[core]:
        pytest.skip(MISSING[core])
    return (emulation if core in emulation.TARGETS else hosted).measure(*arguments)


@pytest.mark.parametrize("shape", SHAPES | TILED)
def test_shapes(shape, tmp_path):
    read = synthetic_tflite.graph((SHAPES | TILED)[shape], classes=5)
    assert_equal_to_tflm(read, host.build(read, tmp_path, FLAGS, kernels="packed"), clips(read.input.length))


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    read = synthetic_tflite.graph(SHAPES["hidden layers"], classes=7, options=OPTIONS[options])
    assert_equal_to_tflm(read, host.build(read, tmp_path, FLAGS, kernels="packed"), clips(read.input.length))


@pytest.mark.parametrize("positions", [1, 7, 12])
def test_positions(positions, tmp_path):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=5)
    engine = host.build(read, tmp_path, FLAGS, kernels="packed", positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("weight", [127, -127])
def test_largest_halves(weight, tmp_path):
    read = synthetic_tflite.graph(TILED["24 channels"], classes=5)
    layers = [
        replace(layer, weights=np.full_like(layer.weights, weight)) if isinstance(layer, Convolution) else layer
        for layer in read.layers
    ]
    full = replace(read, layers=tuple(layers))
    engine = host.build(full, tmp_path, FLAGS, kernels="packed")
    assert_equal_to_tflm(full, engine, clips(read.input.length))
    stage = plan.plan(read, kernel_sets.find("packed")).stages[0].stage
    lowest = replace(stage, weights=np.full_like(stage.weights, -128))
    assert kernel_sets.find("packed").stage(lowest, None).function == "edgekws_convolve_portable"


@pytest.mark.parametrize("core", MISSING)
@pytest.mark.parametrize("name", ["11 channels", "pool 3", "4 taps"])
def test_emulated(core, name, tmp_path):
    shapes = TILED | {"11 channels": SHAPES["stride 10 of 40"]}
    read = synthetic_tflite.graph(shapes[name], classes=100, options=OPTIONS["no softmax"])
    codegen.generate(read, [str(i) for i in range(100)], tmp_path, kernels="packed")
    windows = np.stack(list(clips(read.input.length).values()))
    golden = [tflm_reference.run(read, coding.encode(window, "linear"))[-1][0] for window in windows]
    np.testing.assert_array_equal(measure(core, tmp_path, core, windows).scores, golden)


@pytest.mark.parametrize(("core", "most"), [("cortex-m0", 102_000_000), ("rv32imc", 92_000_000)])
def test_instructions_of_the_small_model(core, most, tmp_path):
    """The portable kernels take 161 and 168 million."""
    small = artifact.load(zoo.place("small"), None, None)
    made = codegen.generate_of(small, tmp_path, kernels="packed", mode="window")
    clip = np.random.default_rng(0).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    measured = measure(core, tmp_path, core, clip)
    golden = tflm_reference.run(small.graph, coding.encode(clip[0], small.coding))[-1][0]
    np.testing.assert_array_equal(measured.scores[0], golden)
    assert measured.instructions[0] <= most
    assert made.state_bytes <= 5000
    assert core != "cortex-m0" or measured.flash_bytes <= 100_000
