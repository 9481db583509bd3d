"""Scores of a stream on this machine: the compiled engine, and LiteRT where there is no compiler."""

import numpy as np
import pytest
import synthetic_tflite

from convert import host_engine, tflite, tflm_reference
from convert.artifact import Artifact
from edgekws import catalogue, coding
from edgekws.errors import UserError


@pytest.fixture
def artifact(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    content = synthetic_tflite.build(catalogue.find("nano").architecture, 3)
    return Artifact.of(content, "test", ("a", "b", "c"), "mu_law")


def stream(samples=40_000):
    return np.random.default_rng(0).integers(-32_768, 32_768, samples).astype(np.int16)


def pushed(scorer, sound, size):
    return np.concatenate([scorer.push(sound[i : i + size]) for i in range(0, len(sound), size)])


def test_the_engine_gives_the_scores_of_every_window(artifact):
    scorer, sound = host_engine.scorer(artifact), stream()
    assert "C engine" in scorer.words
    starts = range(0, len(sound) - 16_000 + 1, scorer.hop)
    windows = [coding.encode(sound[i : i + 16_000], "mu_law") for i in starts]
    golden = [tflm_reference.run(artifact.graph, window)[-1][0] for window in windows]
    for size in (977, 40_000):
        assert np.array_equal(pushed(host_engine.scorer(artifact), sound, size), golden)
    assert len(pushed(scorer, sound, 977)) == len(golden)
    scorer.reset()
    assert np.array_equal(pushed(scorer, sound, 977), golden)


def test_it_is_compiled_once(artifact, monkeypatch):
    host_engine.scorer(artifact)
    monkeypatch.setattr(host_engine.c_source, "generate", lambda *_, **__: pytest.fail("compiled again"))
    host_engine.scorer(artifact)


def test_without_a_compiler_litert_does_it_and_it_is_said(artifact, monkeypatch):
    monkeypatch.setattr(host_engine.shutil, "which", lambda name: None)
    scorer, sound = host_engine.scorer(artifact), stream()
    assert "no C compiler" in scorer.words
    windows = np.stack([sound[i : i + 16_000] for i in range(0, len(sound) - 16_000 + 1, scorer.hop)])
    codes = coding.encode(windows, "mu_law")
    assert np.array_equal(
        pushed(scorer, sound, 8_000), tflite.predict(artifact.content, codes, kernels="xnnpack", title="")
    )


def test_a_compiler_that_fails_is_told(artifact, tmp_path, monkeypatch):
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(UserError, match="it is broken"):
        host_engine.scorer(artifact)
