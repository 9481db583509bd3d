"""LiteRT in one thread: what goes in, what comes out."""

import numpy as np
import pytest
import synthetic_tflite

from convert.tflite import reader, tflm_reference
from edgekws.errors import UserError
from edgekws.model import litert
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

SMALL = synthetic_tflite.build(Architecture("small", (Block((Convolution(4, 8, 4),), MaxPool(4)),), (8,), 256), 3)


def test_the_reference_kernels_compute_what_tflm_does():
    runner = litert.Runner(SMALL, reference=True)
    codes = np.random.default_rng(3).integers(-128, 128, (4, 256)).astype(np.int8)
    graph = reader.read(SMALL)
    expected = [tflm_reference.run(graph, code)[-1][0] for code in codes]
    assert runner.classes == 3
    np.testing.assert_array_equal([runner.run(code) for code in codes], expected)


def test_results_do_not_change_when_the_next_input_comes():
    runner = litert.Runner(SMALL)
    first = runner.run(np.full(256, 100, np.int8))
    kept = first.copy()
    runner.run(np.full(256, -100, np.int8))
    np.testing.assert_array_equal(first, kept)


def test_what_is_no_model_is_refused():
    with pytest.raises(UserError, match="damaged .tflite file"):
        litert.Runner(b"no model")


def test_a_model_whose_activations_have_no_memory_is_told_when_it_runs(monkeypatch):
    runner = litert.Runner(SMALL, name="m.tflite")

    def invoke():
        raise RuntimeError("Input tensor 0 lacks data")

    monkeypatch.setattr(runner._interpreter, "invoke", invoke)
    with pytest.raises(UserError, match=r"^m.tflite: damaged .tflite file \(Input tensor 0 lacks data\); convert"):
        runner.run(np.zeros(256, np.int8))
