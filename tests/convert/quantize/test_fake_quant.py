"""Fake quantization that takes its weights and ranges from an int8 model rounds as that does."""

import numpy as np
import pytest

from convert.quantize import fake_quant
from convert.tflite import artifact, tflm_reference
from edgekws import zoo
from edgekws.model import catalogue, coding


@pytest.mark.parametrize("name", ["nano", "small-listen"])
def test_set_from_an_int8_model_it_scores_as_that_does(name):
    shipped = artifact.load(zoo.folders()[name])
    architecture = catalogue.architecture({"small-listen": "small"}.get(name, name), shipped.graph.input.length)
    model = fake_quant.fake_quant_model(architecture, classes=len(shipped.labels), dropout=0.0)
    fake_quant.set_from_int8(model, shipped.graph)
    rng = np.random.default_rng(5)
    time = np.arange(shipped.graph.input.length) / 16_000
    clips = [
        rng.uniform(300, 20_000)
        * np.sin(2 * np.pi * rng.uniform(100, 3000) * time)
        * np.exp(-(((time - 0.5) / 0.2) ** 2))
        + rng.normal(0, 100, len(time))
        for _ in range(12)
    ]
    codes = coding.encode(np.rint(clips).clip(-32_768, 32_767).astype(np.int16), shipped.coding)
    scores = model.predict(coding.network_input(codes), verbose=0)
    int8 = np.array([tflm_reference.run(shipped.graph, code)[-1][0] for code in codes])
    expected = (int8.astype(int) + 128) / 256
    assert (scores.argmax(1) == expected.argmax(1)).mean() >= 11 / 12
    assert np.abs(scores - expected).mean() < 0.005
    assert np.abs(scores - expected).max() < 0.15
