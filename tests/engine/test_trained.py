"""Every kernel set on trained weights, those of the models that ship: equal to TensorFlow Lite Micro to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from engine import host
from engine.test_engine import FAST, assert_equal_to_tflm, clips

from convert.engine import codegen, emulation, selftest
from convert.tflite import artifact, tflm_reference
from edgekws import zoo
from edgekws.model import coding

NAMES = list(zoo.folders())
EMULATED = {"portable": "cortex-m0", "dsp": "cortex-m4", "dsp_fast": "cortex-m4", "mve": "cortex-m55"}
MICROBIT_FLASH = 256 * 1024  # of the emulated Cortex-M0: larger models run the same kernels on a Cortex-M4


@pytest.mark.parametrize("kernels", ["portable", "dsp", "dsp_fast", *host.native_kernels()])
@pytest.mark.parametrize("name", NAMES)
def test_on_this_machine(name, kernels, tmp_path):
    shipped = artifact.load(zoo.folders()[name])
    engine = host.build(shipped.graph, tmp_path, FAST, kernels=kernels, coding=shipped.coding)
    inputs = clips(16_000) | {f"self-test {i}": clip for i, clip in enumerate(selftest.make_clips(16_000))}
    assert_equal_to_tflm(shipped.graph, engine, inputs, shipped.coding)


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
@pytest.mark.parametrize("kernels", EMULATED)
@pytest.mark.parametrize("name", NAMES)
def test_on_emulated_cores(name, kernels, tmp_path):
    shipped = artifact.load(zoo.folders()[name])
    codegen.generate(shipped.graph, shipped.labels, tmp_path, kernels=kernels, coding=shipped.coding)
    windows = selftest.make_clips(16_000)[3::2]
    codes = coding.encode(windows, shipped.coding)
    golden = [tflm_reference.run(shipped.graph, code)[-1][0] for code in codes]
    core = EMULATED[kernels]
    if core == "cortex-m0" and len(shipped.content) >= MICROBIT_FLASH:
        core = "cortex-m4"
    np.testing.assert_array_equal(emulation.measure(tmp_path, core, windows).scores, golden)
