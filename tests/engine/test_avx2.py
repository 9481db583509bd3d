"""The kernels for AVX2 on this machine: equal to TensorFlow Lite Micro to the bit, every stage's output included."""

from __future__ import annotations

from pathlib import Path

import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, assert_equal_to_tflm, clips, synthetic

from convert import graph

CPU = Path("/proc/cpuinfo")
pytestmark = pytest.mark.skipif(
    not CPU.exists() or " avx2 " not in CPU.read_text(), reason="this machine's processor has no AVX2"
)
FLAGS = ("-mavx2",)


def build(data, folder, **options):
    read = graph.read(data)
    return read, host.build(read, folder, FLAGS, kernels="avx2", **options)


def functions(engine):
    return {planned.kernel.function for planned in engine.plan.stages}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, tmp_path):
    read, engine = build(synthetic_tflite.build(SHAPES[shape], classes=5), tmp_path)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
    assert functions(engine) == {"edgekws_convolve_avx2"}


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
