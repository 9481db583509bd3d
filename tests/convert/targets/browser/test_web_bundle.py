"""The page's bundle: its module in node against the PC, bit for bit, and what is said where no compiler is."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soxr
import synthetic_tflite

from convert.engine import host_library
from convert.targets import Request, bundle, verify
from convert.targets.browser import webassembly
from convert.tflite import artifact
from convert.tflite.artifact import Artifact
from edgekws import audio
from edgekws.listen import detector
from edgekws.listen.events import Event, listen, within_quiet
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

TINY = Architecture("", (Block((Convolution(8, 40, 10),), MaxPool(3)), Block((Convolution(8, 5),), MaxPool(3))))
ROOT = Path(__file__).parents[4]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node here: apt install nodejs")
needs_clang = pytest.mark.skipif(
    not (shutil.which("clang") and shutil.which("wasm-ld")), reason="no WebAssembly compiler: apt install clang lld"
)
SCORES = """
import { readFileSync, writeFileSync } from "node:fs";
import { Spotter } from "./lib/spotter.js";
const bytes = readFileSync(process.argv[2]);
const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
const spotter = await Spotter.load();
const results = [];
for (let at = 0, size = 1; at < samples.length; at += size, size = (size * 37 + 11) % 5000)
  results.push(...spotter.push(samples.subarray(at, at + size)));
writeFileSync(process.argv[3], Int8Array.from(results.flatMap(({ scores }) => [...scores])));
console.log(JSON.stringify(results.map(({ event }) => event).filter(Boolean)));
"""
RESAMPLED = """
import { readFileSync, writeFileSync } from "node:fs";
import { Resampler } from "./lib/resampler.js";
const bytes = readFileSync(process.argv[2]);
const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const out = [];
for (const size of [samples.length, 999]) {
  const resampler = new Resampler(Number(process.argv[4]), 16000);
  for (let at = 0; at < samples.length; at += size) out.push(...resampler.push(samples.subarray(at, at + size)));
  out.push(...resampler.flush());
}
writeFileSync(process.argv[3], Int16Array.from(out));
"""


def node(folder, program, *arguments):
    (folder / "program.mjs").write_text(program)
    done = subprocess.run(["node", "program.mjs", *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pc(model, samples):
    """Scores and events of the PC."""
    scorer = host_library.scorer(model)
    settings = detector.fitting(model.detector, model.labels, scorer.hop)
    events = [item for item in listen([samples], scorer.push, settings, model.labels) if isinstance(item, Event)]
    scorer.reset()
    return scorer.push(samples), events


def bare(settings, labels):
    content = synthetic_tflite.build(TINY, len(labels))
    return dataclasses.replace(Artifact.of(content, "my words", labels, "mu_law"), detector=settings)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The bundle of small-listen as it ships: with no compiler, so that the module is the one that ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webassembly, "build", lambda *_: ("", "not here"))
        model = artifact.load("small-listen")
        return model, bundle.make(Request(model, None, "sliding"), "web", tmp_path_factory.mktemp("page") / "a page")


@needs_node
def test_the_module_that_ships_computes_what_the_pc_does_to_the_bit(page, tmp_path):
    """If it does not: `python docs/make_page.py` builds it anew."""
    model, folder = page
    sound, _ = audio.read(ROOT / "docs" / "demo.wav")
    blocks = within_quiet([sound], detector.fitting(model.detector, model.labels, host_library.hop(model)))
    noise = np.random.default_rng(0).normal(0, 10_000, 40_000).clip(-32_768, 32_767).astype(np.int16)
    samples = np.concatenate([*blocks, noise])
    samples.tofile(tmp_path / "in")
    found = json.loads(node(folder, SCORES, tmp_path / "in", tmp_path / "out"))
    scores, events = pc(model, samples)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "out", np.int8).reshape(scores.shape), scores)
    assert found == [dataclasses.asdict(event) for event in events]
    assert [event.word for event in events][:3] == ["yes", "right", "one"]


@needs_node
@pytest.mark.parametrize(("shift", "steps"), [(-0.2, -51), (0.15, 38)])
def test_a_users_thresholds_give_the_pcs_events_at_these(page, tmp_path, shift, steps):
    model, folder = page
    sound, _ = audio.read(ROOT / "docs" / "demo.wav")
    sound.tofile(tmp_path / "in")
    moved = SCORES.replace("{ Spotter }", "{ Spotter, thresholdsMovedBy }").replace(
        "const results", "spotter.thresholds = thresholdsMovedBy(Number(process.argv[4]));\nconst results"
    )
    found = json.loads(node(folder, moved, tmp_path / "in", tmp_path / "out", shift))
    tuned = model.detector.settings
    thresholds = tuple(t if t == detector.NEVER else min(max(t + steps, 1), 255) for t in tuned.thresholds)
    users = dataclasses.replace(tuned, thresholds=thresholds, releases=detector.releases(thresholds))
    _, events = pc(dataclasses.replace(model, detector=detector.Tuned(users)), sound)
    assert found == [dataclasses.asdict(event) for event in events]
    assert events != pc(model, sound)[1]


@needs_node
def test_its_self_test_passes_and_a_broken_weight_fails_it(page, tmp_path):
    _, folder = page
    done = subprocess.run(["node", "selftest.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert {"ok     kernel convolution 2", "ok     scores 8"} <= set(done.stdout.splitlines())
    shutil.copytree(folder, tmp_path / "broken")
    module = tmp_path / "broken" / webassembly.MODULE
    content = bytearray(module.read_bytes())
    at = len(content) // 2  # among the weights, which are most of it
    content[at] ^= 1
    module.write_bytes(content)
    done = subprocess.run(["node", "selftest.mjs"], cwd=tmp_path / "broken", capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED weights" in done.stdout
    assert done.stdout.endswith("\nself-test FAILED\n")


@needs_node
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_the_resampler_is_that_of_the_pc_and_cares_for_no_block_size(page, tmp_path, rate):
    rng = np.random.default_rng(1)
    low = rng.normal(0, 0.1, 16_000)
    kept = soxr.resample(soxr.resample(low, 16_000, 6_000, "VHQ"), 6_000, rate, "VHQ").astype(np.float32)
    kept.tofile(tmp_path / "in")
    node(page[1], RESAMPLED, tmp_path / "in", tmp_path / "out", rate)
    whole, pieces = np.fromfile(tmp_path / "out", np.int16).reshape(2, -1)
    np.testing.assert_array_equal(whole, pieces)
    expected = np.round(soxr.resample(kept, rate, 16_000, "VHQ") * 32_768)
    assert abs(len(whole) - len(expected)) <= 1
    middle = slice(500, 15_500)
    assert np.abs(whole[middle] - expected[middle]).max() <= 2


@needs_clang
@needs_node
@pytest.mark.parametrize("mode", ["sliding", "window"])
def test_a_model_of_ones_own_is_compiled(mode, tmp_path):
    labels = ("yes", 'ü"</script>', "no")
    model = bare(None, labels)
    folder = bundle.make(Request(model, None, mode), "web", tmp_path / "my page")
    assert verify.problems(folder) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["wasm_bytes"] == (folder / webassembly.MODULE).stat().st_size
    assert "</script>" not in (folder / "index.html").read_text(encoding="utf-8").replace('page.js"></script>', "")
    assert json.loads((folder / "package.json").read_text())["name"] == "edgekws_my_words"
    done = subprocess.run(["node", "selftest.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.stdout.endswith("\nself-test PASSED\n"), done.stderr
    read = node(folder, 'import { labels } from "./lib/model.js"; console.log(JSON.stringify(labels));')
    assert tuple(json.loads(read)) == labels


@needs_clang
@needs_node
def test_words_behind_a_phrase_are_those_of_the_pc(tmp_path):
    labels = ("yes", "no", "maybe")
    # random weights are seldom sure: thresholds near a third give events
    always = detector.Settings((70, 80, 90), (68, 78, 88), 2, 1, 1, host_library.hop(bare(None, labels)))
    model = bare(detector.Tuned(dataclasses.replace(always, opened_by=(0,), open=8)), labels)
    rng = np.random.default_rng(5)
    parts = [rng.normal(0, 10 ** rng.uniform(1, 4), 4000) for _ in range(24)]
    sound = np.concatenate(parts).clip(-32_768, 32_767).astype(np.int16)
    sound.tofile(tmp_path / "in")
    folder = bundle.make(Request(model, None, "sliding"), "web", tmp_path / "a page")
    found = json.loads(node(folder, SCORES, tmp_path / "in", tmp_path / "out"))
    _, events = pc(model, sound)
    assert found == [dataclasses.asdict(event) for event in events]
    assert len({event.word for event in events}) > 1
    assert events != pc(bare(detector.Tuned(always), labels), sound)[1]


@needs_clang
def test_make_builds_the_same_module(tmp_path):
    folder = bundle.make(Request(bare(None, ("a", "b", "c"))), "web", tmp_path / "page")
    before = (folder / webassembly.MODULE).read_bytes()
    (folder / webassembly.MODULE).unlink()
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    assert (folder / webassembly.MODULE).read_bytes() == before


def test_the_page_that_ships_is_small_and_needs_no_compiler(page):
    _, folder = page
    used = [*folder.glob("lib/*.*"), *folder.glob("page/*"), folder / "index.html"]
    assert sum(path.stat().st_size for path in used) < 200_000
    assert bundle.not_built(folder) == ""


def test_without_a_compiler_the_sources_are_written_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    folder = bundle.make(Request(bare(None, ("a", "b", "c"))), "web", tmp_path / "page")
    assert "apt install clang lld" in bundle.not_built(folder)
    assert "was not built" in (folder / "README.md").read_text()
    assert not (folder / webassembly.MODULE).exists()


def test_a_compiler_without_webassembly_is_told(tmp_path, monkeypatch):
    for name in ("clang", "wasm-ld"):
        (tmp_path / name).write_text("#!/bin/sh\necho \"error: no target 'wasm32'\" >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    folder = bundle.make(Request(bare(None, ("a", "b", "c"))), "web", tmp_path / "page")
    assert bundle.not_built(folder) == "clang failed: error: no target 'wasm32'"


def test_what_ships_is_not_taken_for_other_thresholds(page):
    model, _ = page
    settings = detector.with_threshold(model.detector.settings, 0.5)
    other = dataclasses.replace(model, detector=detector.Tuned(settings))
    assert webassembly.shipped(Request(model, None, "sliding"))
    assert not webassembly.shipped(Request(other, None, "sliding"))
    assert not webassembly.shipped(Request(model, None, "window"))
    assert not webassembly.shipped(Request(model.said_alone(0.5), None, "sliding"))
    assert not webassembly.shipped(Request(model.opened(["yes"]), None, "sliding"))
