"""The kernels for cores with the DSP extension: equal bits, in plain C here and in assembly on emulated cores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, assert_equal_to_tflm, clips
from synthetic_tflite import Options

from convert.engine import codegen, emulation, plan
from convert.engine import kernels as kernel_sets
from convert.engine.kernels import dsp, dsp_fast, toom_cook
from convert.tflite import tflm_reference
from edgekws.model import catalogue, coding
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

SETS = {"dsp": dsp.KERNELS, "dsp_fast": dsp_fast.KERNELS}
CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
# Those that these kernels treat in ways of their own; lengths around WIDE_FROM give both widths of weights.
OWN_SHAPES = {
    "taps 5": Architecture("", (Block((Conv(8, 5), Conv(8, 5)), Pool(3)), Block((Conv(9, 5),), Pool(3))), (), 620),
    "taps 3, pool 4": Architecture("", (Block((Conv(10, 3),)), Block((Conv(7, 3),), Pool(4))) * 2, (), 604),
    "no pool": Architecture("", (Block((Conv(6, 5), Conv(12, 5), Conv(34, 3), Conv(2, 5))),), (), 530),
    "pool 12": Architecture("", (Block((Conv(6, 6), Conv(4, 5)), Pool(12, "same")),), (), 530),
    "pool 13": Architecture("", (Block((Conv(6, 6), Conv(4, 5)), Pool(13, "same")),), (), 530),
    "32 channels": Architecture(
        "", (Block((Conv(32, 5), Conv(32, 5)), Pool(3, "same")), Block((Conv(33, 5),))), (), 1510
    ),
    "64 channels": Architecture("", (Block((Conv(64, 5), Conv(33, 5)), Pool(3)),), (), 530),
    "96 channels": Architecture("", (Block((Conv(96, 5), Conv(4, 5)), Pool(5, "same")),), (), 511),
}

needs_emulator = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools())


def generate(read, folder, kernels):
    return codegen.generate(read, [str(i) for i in range(read.output.size)], folder, kernels=kernels)


def golden(read, samples):
    return np.stack([tflm_reference.run(read, coding.encode(clip, "linear"))[-1][0] for clip in samples])


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("positions", [None, 7])
@pytest.mark.parametrize("shape", [*SHAPES, *OWN_SHAPES])
def test_shapes(shape, positions, kernels, tmp_path):
    read = synthetic_tflite.graph((SHAPES | OWN_SHAPES)[shape], classes=5)
    engine = host.build(read, tmp_path, kernels=kernels, positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


def with_constant_channels(read):
    """The second convolution with three channels that never change: at the bottom, at the zero point, and above it."""
    layer = read.layers[1]
    scales, bias, weights = layer.weight_scales.copy(), layer.bias.copy(), layer.weights.copy()
    real = layer.input.scale * scales.astype(np.float64) / layer.output.scale
    scales[[1, 5, 7]] = (scales * 2.0**-24 / real)[[1, 5, 7]]
    bias[[1, 5, 7]] = -(2**28), 2**12, 40 * 2**24
    layers = list(read.layers)
    layers[1] = replace(layer, weight_scales=scales, bias=bias, weights=weights)
    return replace(read, layers=tuple(layers))


@pytest.mark.parametrize("kernels", ["portable", *SETS])
def test_channels_that_never_change_do_not_slow_the_others(kernels, tmp_path):
    read = with_constant_channels(synthetic_tflite.graph(OWN_SHAPES["32 channels"], classes=5))
    if kernels in SETS:
        stage = plan.plan(read, SETS[kernels]).stages[1]
        assert "portable" not in stage.kernel.function
        assert not stage.stage.weights[[1, 5, 7]].any()
        assert stage.stage.weights[[0, 2, 3, 4, 6]].any(axis=(1, 2)).all()
    engine = host.build(read, tmp_path, kernels=kernels)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


def with_smallest_scales(read):
    """The second convolution with four channels that hardly change, of the smallest scales that the kernels take: in
    the middle, near the bottom, above the top, and at the largest sum that may be doubled."""
    layer, size = read.layers[1], 2.0 ** -(dsp.MAX_SHIFT + 1)
    scales, bias = layer.weight_scales.copy(), layer.bias.copy()
    real = layer.input.scale * scales.astype(np.float64) / layer.output.scale
    for channel, factor, wanted in ((1, 2.02, 40.5), (5, 1.01, 0.5), (7, 1.98, 255.5), (3, 1.01, 120.5)):
        scales[channel] *= factor * size / real[channel]
        bias[channel] = min(wanted / (factor * size), 2**30 - 2**24)
    layers = list(read.layers)
    layers[1] = replace(layer, weight_scales=scales, bias=bias)
    return replace(read, layers=tuple(layers))


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("core", [None, pytest.param("cortex-m4", marks=needs_emulator)])
def test_the_smallest_scales(core, kernels, tmp_path):
    read = with_smallest_scales(synthetic_tflite.graph(OWN_SHAPES["32 channels"], classes=5))
    stage = plan.plan(read, SETS[kernels]).stages[1]
    assert "portable" not in stage.kernel.function
    assert stage.stage.scaling.shift.min() == -dsp.MAX_SHIFT
    assert stage.stage.weights[[1, 3, 5]].any(axis=(1, 2)).all()  # none is constant
    if core is None:
        assert_equal_to_tflm(read, host.build(read, tmp_path, kernels=kernels), clips(read.input.length))
        return
    generate(read, tmp_path, kernels)
    samples = np.stack(list(clips(read.input.length).values()))
    np.testing.assert_array_equal(emulation.measure(tmp_path, core, samples).scores, golden(read, samples))


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, kernels, tmp_path):
    read = synthetic_tflite.graph(OWN_SHAPES["32 channels"], classes=7, options=OPTIONS[options])
    engine = host.build(read, tmp_path, kernels=kernels)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@needs_emulator
@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("shape", [*OWN_SHAPES, "stride 4", "even kernels", "two convolutions a block"])
def test_shapes_on_a_core(shape, kernels, tmp_path):
    read = synthetic_tflite.graph((SHAPES | OWN_SHAPES)[shape], classes=30)
    generate(read, tmp_path, kernels)
    samples = np.stack(list(clips(read.input.length).values()))
    np.testing.assert_array_equal(emulation.measure(tmp_path, "cortex-m4", samples).scores, golden(read, samples))


@needs_emulator
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("options", ["as trained", "no ReLU, any zero points"])
def test_cores(core, kernels, options, tmp_path):
    read = synthetic_tflite.graph(OWN_SHAPES["32 channels"], classes=30, options=OPTIONS[options])
    generate(read, tmp_path, kernels)
    samples = np.stack(list(clips(read.input.length).values()))
    np.testing.assert_array_equal(emulation.measure(tmp_path, core, samples).scores, golden(read, samples))


@needs_emulator
@pytest.mark.parametrize(
    ("kernels", "memory", "instructions"), [("dsp", 8 << 10, 110_000_000), ("dsp_fast", 16 << 10, 61_500_000)]
)
def test_reference_model(kernels, memory, instructions, tmp_path):
    """132.7 million multiply-accumulates."""
    read = synthetic_tflite.graph(catalogue.find("custom-32/8").architecture)
    planned = generate(read, tmp_path, kernels)
    samples = np.random.default_rng(1).integers(-32768, 32768, (1, 16_000)).astype(np.int16)
    measured = emulation.measure(tmp_path, "cortex-m4", samples)
    np.testing.assert_array_equal(measured.scores, golden(read, samples))
    assert planned.state_bytes + measured.stack_bytes <= memory
    assert measured.instructions[0] <= instructions


def stage_with(weights, **changes):
    """A stage that `dsp_fast` takes, but for the weights and what else is changed."""
    read = synthetic_tflite.graph(OWN_SHAPES["32 channels"])
    stage = plan.plan(read, dsp.KERNELS).stages[1].stage
    return replace(stage, weights=weights, **changes)


def test_transform_is_exact_at_its_bounds():
    """The filter's numbers fit int16, and F(4, 5) of whole numbers is the convolution times 360."""
    random = np.random.default_rng(0)
    weights = random.choice(np.array([-128, 127], np.int8), (256, 5, 1))
    for_frames = np.array(  # by points and frames, as in kernels_dsp_fast.c
        [
            [-4, 0, 21, 0, -21, 0, 4, 0],
            [0, 4, 4, -17, -17, 4, 4, 0],
            [0, -4, 4, 17, -17, -4, 4, 0],
            [0, 2, 1, -10, -5, 8, 4, 0],
            [0, -2, 1, 10, -5, -8, 4, 0],
            [0, 4, 8, -5, -10, 1, 2, 0],
            [0, -4, 8, 5, -10, -1, 2, 0],
            [0, -4, 0, 21, 0, -21, 0, 4],
        ]
    )
    for_outputs = np.array(
        [
            [1, 1, 1, 1, 1, 8, 8, 0],
            [0, 1, -1, 2, -2, 4, -4, 0],
            [0, 1, 1, 4, 4, 2, 2, 0],
            [0, 1, -1, 8, -8, 1, -1, 1],
        ]
    )
    assert np.abs(for_frames).sum(axis=1).max() * 128 <= 32767
    assert np.abs(toom_cook.POINTS).sum(axis=1).max() * 128 <= 32767
    frames = random.choice(np.array([-128, 127]), (256, 8))
    products = (weights[:, :, 0] @ toom_cook.POINTS.T) * (frames @ for_frames.T)
    direct = np.stack([(frames[:, j : j + 5] * weights[:, :, 0]).sum(axis=1) for j in range(4)], axis=1)
    np.testing.assert_array_equal(products @ for_outputs.T, 360 * direct)


def test_what_cannot_be_proved_falls_back():
    """Toom-Cook up to a bound on the weights, then the direct kernel; then twice the sum fails it too."""
    fits = np.zeros((32, 5, 128), np.int8)
    fits.reshape(32, -1)[:, : 2**31 // (360 * 128) // 127] = 127
    over = fits.copy()
    over.reshape(32, -1)[7, -1] = -128
    assert dsp_fast.stage(stage_with(fits), None).function == "edgekws_convolve_dsp_fast"
    kernel = dsp_fast.stage(stage_with(over), None)
    assert kernel.function == "edgekws_convolve_dsp_5"
    assert "more than 32 bits" in kernel.reason


def test_extreme_weights_and_inputs(tmp_path):
    """All weights 127 or -127 against inputs that are as large as they go: on both sides of the bound."""
    for channels, function in ((64, "edgekws_convolve_dsp_fast"), (128, "edgekws_convolve_dsp_5")):
        wide = Architecture("", (Block((Conv(channels, 5), Conv(8, 5)), Pool(3)),), (), 530)
        read = synthetic_tflite.graph(wide, classes=9, options=Options(relu=False))
        first, second = read.layers[:2]
        signs = np.where(np.arange(channels) % 2, 1, -1)[:, None, None].astype(np.int8)
        layers = (
            replace(first, weights=(signs * np.ones_like(first.weights) * 127).astype(np.int8)),
            replace(second, weights=np.broadcast_to(signs.reshape(1, 1, 1, -1)[0] * 127, second.weights.shape).copy()),
            *read.layers[2:],
        )
        extreme = replace(read, layers=layers)
        folder = tmp_path / str(channels)
        engine = host.build(extreme, folder, kernels="dsp_fast")
        assert engine.plan.stages[1].kernel.function == function
        assert_equal_to_tflm(extreme, engine, clips(530))
        if not emulation.missing_tools():
            (folder / "driver.c").unlink()
            samples = np.stack(list(clips(530).values()))
            measured = emulation.measure(folder, "cortex-m4", samples)
            np.testing.assert_array_equal(measured.scores, golden(extreme, samples))


def test_the_lean_set_takes_toom_cook_in_the_longest_layers_alone(tmp_path):
    read = synthetic_tflite.graph(catalogue.find("custom-32/8").architecture)
    fast, lean = (plan.plan(read, kernel_sets.find(name)) for name in ("dsp_fast", "dsp_lean"))
    assert [made.kernel.function.endswith("_fast") for made in fast.stages[1:4]] == [True, True, True]
    assert [made.kernel.function.endswith("_fast") for made in lean.stages[1:5]] == [True, True, True, False]
    flash = [sum(made.kernel.weights.nbytes for made in planned.stages) for planned in (fast, lean)]
    assert flash[0] - flash[1] > 20_000
    assert not any(made.kernel.function in ("edgekws_convolve_dsp_1", "edgekws_convolve_dsp_5") for made in lean.stages)
