"""The kernels for VNNI on this machine: equal to TensorFlow Lite Micro to the bit, every stage's output included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, assert_equal_to_tflm, clips, synthetic
from engine.test_mve import TILED

from convert.engine import kernels as kernel_sets
from convert.engine import plan
from convert.tflite import reader
from convert.tflite.graph import Convolution

CPU = Path("/proc/cpuinfo")
FLAGS = {"avx512_vnni": ("-mavx2", "-mavx512vnni", "-mavx512vl"), "avx_vnni": ("-mavx2", "-mavxvnni")}
HALVES = ("-DEDGEKWS_VNNI_IN_HALVES",)  # of AVX-512: what a processor with AVX-VNNI runs
HAS = [flag for flag in FLAGS if CPU.exists() and f" {flag} " in CPU.read_text()]
pytestmark = pytest.mark.skipif(not HAS, reason="this machine's processor has no VNNI")


def build(data, folder, more=(), **options):
    read = reader.read(data)
    return read, host.build(read, folder, (*FLAGS[HAS[0]], *more), kernels="vnni", **options)


@pytest.mark.parametrize("more", [(), HALVES], ids=["whole", "halves"])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, more, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES[shape], classes=5), tmp_path, more)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("shape", TILED)
def test_many_channels(shape, tmp_path):
    read, engine = build(synthetic_tflite.build(TILED[shape], classes=5), tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("positions", [1, 7])
def test_positions(positions, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES["same, pool 3"], classes=5), tmp_path, positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("more", [(), HALVES], ids=["whole", "halves"])
@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, more, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES["hidden layers"], 7, options=OPTIONS[options]), tmp_path, more)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("name", ["custom-32/8", "nano", "small"])
def test_catalogue(name, tmp_path):
    read, engine = build(synthetic(name), tmp_path)
    some = {key: value for key, value in clips(16_000).items() if key in ("noise", "tone")}
    assert_equal_to_tflm(read, engine, some)


def test_weights_that_could_overflow_go_to_the_reference():
    read = synthetic_tflite.graph(SHAPES["same, pool 3"])
    stage = plan.plan(read, kernel_sets.find("portable")).stages[1].stage
    function = {}
    for length in (1, 40_000, 70_000):
        longer = replace(stage, weights=np.full((stage.out_channels, length, 1), -127, np.int8))
        function[length] = kernel_sets.find("vnni").stage(longer, None).function.removeprefix("edgekws_convolve_")
    assert function == {1: "vnni_relu", 40_000: "vnni", 70_000: "portable"}


@pytest.mark.parametrize(("shift", "function"), [(0, "vnni"), (-1, "vnni_relu"), (-22, "vnni_relu"), (-23, "vnni")])
def test_scales_that_the_kernel_for_relu_takes(shift, function):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"])
    stage = plan.plan(read, kernel_sets.find("portable")).stages[1].stage
    shifts = np.full_like(stage.scaling.shift, shift)
    other = replace(stage, scaling=replace(stage.scaling, shift=shifts))
    assert kernel_sets.find("vnni").stage(other, None).function == f"edgekws_convolve_{function}"
    no_relu = replace(other, scaling=replace(other.scaling, minimum=-127, zero_point=0))
    assert kernel_sets.find("vnni").stage(no_relu, None).function == "edgekws_convolve_vnni"


@pytest.mark.parametrize("weight", [127, -127])
def test_largest_sums(weight, tmp_path):
    read = synthetic_tflite.graph(SHAPES["same, pool 3"], classes=5)
    layers = [
        replace(layer, weights=np.full_like(layer.weights, weight)) if isinstance(layer, Convolution) else layer
        for layer in read.layers
    ]
    full = replace(read, layers=tuple(layers))
    engine = host.build(full, tmp_path, FLAGS[HAS[0]], kernels="vnni")
    assert_equal_to_tflm(full, engine, clips(read.input.length))
