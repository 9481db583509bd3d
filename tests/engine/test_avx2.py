"""The kernels for AVX2 on this machine: equal to TensorFlow Lite Micro to the bit, every stage's output included."""

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
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

CPU = Path("/proc/cpuinfo")
pytestmark = pytest.mark.skipif(
    not CPU.exists() or " avx2 " not in CPU.read_text(), reason="this machine's processor has no AVX2"
)
FLAGS = ("-mavx2",)


def build(data, folder, **options):
    read = reader.read(data)
    return read, host.build(read, folder, FLAGS, kernels="avx2", **options)


def functions(engine):
    return {planned.kernel.function for planned in engine.plan.stages}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES[shape], classes=5), tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    assert functions(engine) == {"edgekws_convolve_avx2"}  # fewer than 16 channels


@pytest.mark.parametrize("shape", TILED)
def test_toom_cook(shape, tmp_path):
    read, engine = build(synthetic_tflite.build(TILED[shape], classes=5), tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    assert ("edgekws_convolve_avx2_toom_cook" in functions(engine)) != (shape in ("stride 2", "4 taps"))


def with_weights(read, change):
    """The same graph with other weights in the convolutions behind the first."""
    layers = [
        replace(layer, weights=change(layer.weights)) if isinstance(layer, Convolution) and i else layer
        for i, layer in enumerate(read.layers)
    ]
    return replace(read, layers=tuple(layers))


WIDE = Architecture("", (Block((Conv(64, 5),)), Block((Conv(32, 5),), Pool(3))), (), 100)


@pytest.mark.parametrize("sign", [1, -1, 0])
def test_toom_cook_at_its_largest_sums(sign, tmp_path):
    """All weights at full scale: alike, or alternating so that the values at the points -1 and -2 are the largest."""
    shape = (32, 5, 64)
    signs = sign or np.where(np.indices(shape)[1] % 2, -1, 1)
    read = with_weights(synthetic_tflite.graph(WIDE), lambda _: np.full(shape, 127, np.int8) * np.int8(signs))
    engine = host.build(read, tmp_path, FLAGS, kernels="avx2")
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    assert "edgekws_convolve_avx2_toom_cook" in functions(engine)


def test_no_toom_cook_where_sums_might_overflow():
    architecture = Architecture("", (Block((Conv(96, 5),)), Block((Conv(16, 5),), Pool(3))), (), 100)
    read = with_weights(synthetic_tflite.graph(architecture), lambda w: np.full_like(w, 127))
    chosen = plan.plan(read, kernel_sets.find("avx2")).stages[1].kernel
    assert chosen.function == "edgekws_convolve_avx2"
    assert chosen.reason.startswith("not Toom-Cook: 360 times a sum may reach")


@pytest.mark.parametrize("positions", [1, 7])
def test_positions(positions, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES["same, pool 3"], classes=5), tmp_path, positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, tmp_path):
    data = synthetic_tflite.build(SHAPES["hidden layers"], classes=7, options=OPTIONS[options])
    read, engine = build(data, tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    general = options in ("any zero points", "no ReLU", "no ReLU, any zero points")
    assert functions(engine) == {"edgekws_convolve_avx2_any" if general else "edgekws_convolve_avx2"}


def test_shifts_to_the_left(tmp_path):
    data = synthetic_tflite.build(SHAPES["one channel, kernel 1"], options=OPTIONS["small weights"])
    read, engine = build(data, tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    assert "edgekws_convolve_avx2_any" in functions(engine)


@pytest.mark.parametrize("name", ["custom-32/8", "only-conv/5", "nano"])
def test_catalogue(name, tmp_path):
    read, engine = build(synthetic(name), tmp_path)
    some = {key: value for key, value in clips(16_000).items() if key in ("noise", "tone")}
    assert_equal_to_tflm(read, engine, some)
