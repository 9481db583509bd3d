"""Every kernel set on trained weights, those of the models that ship: equal to TensorFlow Lite Micro to the bit."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from engine import host
from engine.test_engine import assert_equal_to_tflm, clips, tflm_outputs

from convert.engine import codegen, emulation, selftest
from convert.tflite import artifact
from edgekws import zoo

NAMES = list(zoo.folders())
EMULATED = {"portable": "cortex-m0", "dsp": "cortex-m4", "dsp_fast": "cortex-m4", "mve": "cortex-m55"}
MICROBIT_FLASH = 256 * 1024  # of the emulated Cortex-M0: larger models run the same kernels on a Cortex-M4


@cache
def loaded(name: str) -> artifact.Artifact:
    return artifact.load(zoo.folders()[name])


@pytest.mark.parametrize("kernels", ["portable", "dsp", "dsp_fast", *host.native_kernels()])
@pytest.mark.parametrize("name", NAMES)
def test_on_this_machine(name, kernels, tmp_path):
    shipped = loaded(name)
    engine = host.build(shipped.graph, tmp_path, host.FAST, kernels=kernels, coding=shipped.coding)
    window = shipped.graph.layers[0].input.length
    inputs = clips(window) | {f"self-test {i}": clip for i, clip in enumerate(selftest.make_clips(window))}
    assert_equal_to_tflm(shipped.graph, engine, inputs, shipped.coding)


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
@pytest.mark.parametrize("kernels", EMULATED)
@pytest.mark.parametrize("name", NAMES)
def test_on_emulated_cores(name, kernels, tmp_path):
    shipped = loaded(name)
    codegen.generate(shipped.graph, shipped.labels, tmp_path, kernels=kernels, coding=shipped.coding)
    windows = selftest.make_clips(shipped.graph.layers[0].input.length)[3::2]
    golden = [tflm_outputs(shipped.graph, window.tobytes(), shipped.coding)[-1][0] for window in windows]
    core = EMULATED[kernels]
    if core == "cortex-m0" and len(shipped.content) >= MICROBIT_FLASH:
        core = "cortex-m4"
    np.testing.assert_array_equal(emulation.measure(tmp_path, core, windows).scores, golden)
