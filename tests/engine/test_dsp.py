"""The kernels for cores with the DSP extension: equal bits, in plain C on this machine and on emulated cores."""

from __future__ import annotations

import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import OPTIONS, SHAPES, assert_equal_to_tflm, clips

from convert import graph
from edgekws.architecture import Architecture, Block
from edgekws.architecture import Convolution as Conv
from edgekws.architecture import MaxPool as Pool

SETS = ("dsp",)
# Those that these kernels treat in ways of their own; conv_length around WIDE_FROM gives both widths of weights.
OWN_SHAPES = {
    "taps 5, pool 3": Architecture(
        "", (Block((Conv(8, 5), Conv(8, 5)), Pool(3)), Block((Conv(9, 5),), Pool(3))), (), 620
    ),
    "taps 3, pool 4": Architecture("", (Block((Conv(10, 3),)), Block((Conv(7, 3),), Pool(4))) * 2, (), 604),
    "no pool": Architecture("", (Block((Conv(6, 5), Conv(12, 5), Conv(34, 3), Conv(2, 5))),), (), 530),
    "pool 12": Architecture("", (Block((Conv(6, 6), Conv(4, 5)), Pool(12, "same")),), (), 530),
    "pool 13": Architecture("", (Block((Conv(6, 6), Conv(4, 5)), Pool(13, "same")),), (), 530),
    "32 channels": Architecture(
        "", (Block((Conv(32, 5), Conv(32, 5)), Pool(3, "same")), Block((Conv(64, 5),))), (), 610
    ),
}


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("positions", [None, 3, 7])
@pytest.mark.parametrize("shape", [*SHAPES, *OWN_SHAPES])
def test_shapes(shape, positions, kernels, tmp_path):
    read = graph.read(synthetic_tflite.build((SHAPES | OWN_SHAPES)[shape], classes=5))
    engine = host.build(read, tmp_path, kernels=kernels, positions=positions)
    assert_equal_to_tflm(read, engine, clips(read.input.length))


@pytest.mark.parametrize("kernels", SETS)
@pytest.mark.parametrize("options", OPTIONS)
def test_quantizations(options, kernels, tmp_path):
    read = graph.read(synthetic_tflite.build(OWN_SHAPES["32 channels"], classes=7, options=OPTIONS[options]))
    engine = host.build(read, tmp_path, kernels=kernels)
    assert_equal_to_tflm(read, engine, clips(read.input.length))
