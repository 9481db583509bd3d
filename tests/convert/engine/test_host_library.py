"""Scores of a stream on this machine: the compiled engine, and LiteRT where there is no compiler."""

import stat
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import codegen, host_library
from convert.tflite import conversion, tflm_reference
from convert.tflite.artifact import Artifact
from edgekws.files import cache_folder
from edgekws.model import catalogue, front_end


@pytest.fixture(params=[False, True], ids=["", "level control"])
def artifact(request, tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    return made(level_control=request.param)


@pytest.fixture
def plain(tmp_path, monkeypatch):
    """The model where only what becomes of the compiled library matters: compiled without optimization, in no time."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(host_library, "OPTIONS", tuple("-O0" if one == "-O3" else one for one in host_library.OPTIONS))
    return made()


def made(name="nano", window=16_000, level_control=False):
    content = synthetic_tflite.build(catalogue.architecture(name, window), 3)
    return Artifact.of(content, "test", ("a", "b", "c"), "mu_law", level_control=level_control)


def stream(samples=40_000):
    return np.random.default_rng(0).integers(-32_768, 32_768, samples).astype(np.int16)


def pushed(scorer, sound, size):
    return np.concatenate([scorer.push(sound[i : i + size]) for i in range(0, len(sound), size)])


def test_the_engine_gives_the_scores_of_every_window(artifact):
    scorer, sound = host_library.scorer(artifact), stream()
    assert "C engine" in scorer.words
    starts = range(0, len(sound) - 16_000 + 1, scorer.hop)
    codes = front_end.codes(sound, artifact)
    windows = [codes[i : i + 16_000] for i in starts]
    golden = [tflm_reference.run(artifact.graph, window)[-1][0] for window in windows]
    for size in (977, 40_000):
        assert np.array_equal(pushed(host_library.scorer(artifact), sound, size), golden)
    assert len(pushed(scorer, sound, 977)) == len(golden)
    scorer.reset()
    assert np.array_equal(pushed(scorer, sound, 977), golden)


@pytest.mark.parametrize("compiled", [True, False])
def test_words_are_lowered_on_a_stream_by_the_engine_and_by_litert_alike(artifact, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(host_library.shutil, "which", lambda name: None)
    lower = replace(artifact, labels=("a", "b", "_unknown_"), logit_adjustment=3.0)
    found, plain = (pushed(host_library.scorer(one), stream(), 977).astype(int) for one in (lower, artifact))
    codes = front_end.codes(stream(), artifact)[:16_000]
    if compiled:
        golden = tflm_reference.run(lower.on_stream.graph, codes)[-1][0]
    else:
        golden = conversion.predict(lower.on_stream.content, codes[None], kernels="xnnpack", title="")[0]
    assert np.array_equal(found[0], golden)
    assert found[:, 2].sum() > plain[:, 2].sum()  # of _unknown_
    assert lower.in_mode("window") is lower
    assert lower.on_stream is lower.on_stream  # made once
    assert artifact.on_stream is artifact


@pytest.mark.parametrize("window", [24_000, 32_000])
@pytest.mark.parametrize("name", ["nano", "small", "custom-32/8"])
def test_a_longer_window_gives_as_many_results_a_second(name, window, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path))
    artifact, sound = made(name, window, True), stream(48_000)
    scorer = host_library.scorer(artifact)
    assert (scorer.window, scorer.hop) == (window, host_library.hop(made(name)))
    codes = front_end.codes(sound, artifact)
    starts = range(0, len(sound) - window + 1, scorer.hop)
    golden = [tflm_reference.run(artifact.graph, codes[i : i + window])[-1][0] for i in (0, starts[-1])]
    found = pushed(scorer, sound, 977)
    assert len(found) == len(starts)
    assert np.array_equal(found[[0, -1]], golden)


def test_it_is_compiled_once(plain, monkeypatch):
    host_library.scorer(plain)
    monkeypatch.setattr(host_library, "_compile", lambda *_: pytest.fail("compiled again"))
    host_library.scorer(plain)


@pytest.mark.parametrize("harm", ["replaced", "cut", "emptied", "a link", "a folder with others' rights"])
def test_a_library_that_is_not_what_was_compiled_is_made_again(plain, tmp_path, harm):
    host_library.scorer(plain)
    engines = cache_folder() / "engines"
    (library,) = engines.iterdir()
    content = library.read_bytes()
    library.unlink()  # this process has the old one open
    other = {"replaced": b"\x7fELF" + content[4:-8] + bytes(8), "cut": content[:-1], "emptied": b""}.get(harm, content)
    library.write_bytes(other)
    if harm == "a link":
        library.rename(tmp_path / "elsewhere")
        library.symlink_to(tmp_path / "gone")
    engines.chmod(0o777)
    assert "C engine" in host_library.scorer(plain).words
    (library,) = engines.iterdir()
    assert (library.read_bytes(), library.is_symlink()) == (content, False)
    assert stat.S_IMODE(engines.stat().st_mode) == 0o700


def test_another_generator_has_another_library(plain, monkeypatch):
    def generate(made_from, folder, **options):
        codegen.generate_of(made_from, folder, **options)
        with (folder / "edgekws_model.h").open("a") as header:
            header.write("/* another hop */\n")

    first = host_library._compiled(plain, "cc", "portable")
    monkeypatch.setattr(host_library, "codegen", SimpleNamespace(generate_of=generate))
    assert host_library._compiled(plain, "cc", "portable") != first


def test_two_first_runs_at_once_both_have_the_engine(plain, monkeypatch):
    compile_, others = host_library._compile, []

    def while_another_does(*arguments):
        monkeypatch.setattr(host_library, "_compile", compile_)
        others.append(host_library.scorer(plain))
        compile_(*arguments)

    monkeypatch.setattr(host_library, "_compile", while_another_does)
    first = host_library.scorer(plain)
    assert np.array_equal(first.push(stream()), others[0].push(stream()))
    assert len(list((cache_folder() / "engines").iterdir())) == 1


def test_without_a_compiler_litert_does_it_and_it_is_said(artifact, monkeypatch):
    monkeypatch.setattr(host_library.shutil, "which", lambda name: None)
    scorer, sound = host_library.scorer(artifact), stream()
    assert "no C compiler" in scorer.words
    codes = front_end.codes(sound, artifact)
    windows = np.stack([codes[i : i + 16_000] for i in range(0, len(sound) - 16_000 + 1, scorer.hop)])
    assert np.array_equal(
        pushed(scorer, sound, 8_000), conversion.predict(artifact.content, windows, kernels="xnnpack", title="")
    )


@pytest.fixture(params=["echo it is broken >&2; exit 1", "exit 1", "exit 0", "echo > engine.so"])
def broken(request, tmp_path, monkeypatch):
    """A compiler that fails, with and without a message, or whose success gives nothing, or nothing of use."""
    path = tmp_path / "broken-cc"
    path.write_text(f"#!/bin/sh\n{request.param}\n")
    path.chmod(0o755)
    monkeypatch.setenv("CC", str(path))
    monkeypatch.chdir(tmp_path)  # where "echo > engine.so" writes when it is asked for its version
    return path


def test_after_a_compiler_that_fails_comes_the_next(plain, broken):
    for _ in range(2):
        assert "C engine" in host_library.scorer(plain).words


def test_where_every_compiler_fails_litert_says_why(plain, broken, monkeypatch):
    monkeypatch.setattr(host_library.shutil, "which", lambda name: name == str(broken))
    for _ in range(2):
        words = host_library.scorer(plain).words
        assert words.startswith("LiteRT, window by window: ")
        if "it is broken" in broken.read_text():
            assert "broken-cc could not compile the engine: it is broken" in words
        elif "engine.so" not in broken.read_text():
            assert "no message" in words
