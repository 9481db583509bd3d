"""The device's self-test: it passes on every kernel set and mode, and names whatever is broken."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synthetic_tflite
from engine import host

from convert.engine import codegen, selftest
from convert.tflite import tflm_reference
from convert.tflite.artifact import Artifact, load
from convert.tflite.graph import Convolution
from edgekws.model import catalogue, front_end
from edgekws.model.architecture import Architecture, Block, MaxPool
from edgekws.model.architecture import Convolution as Conv

MAIN = r"""
#include <stdio.h>
#include "edgekws_selftest.h"
static edgekws_state spotter;
static void say(const char *check, const char *where, bool passed)
{
    printf("%s %s %s\n", passed ? "ok" : "FAILED", check, where);
}
int main(void) { return edgekws_selftest(&spotter, say) != 0; }
"""
SMALL = Architecture(
    "small", (Block((Conv(16, 40, 8),), MaxPool(3)), Block((Conv(16, 5),), MaxPool(3)), Block((Conv(8, 3),)))
)


@cache
def artifact(coding="mu_law", name="small", level_control=False, window=16_000):
    architecture = SMALL if name == "small" else catalogue.find(name).architecture
    architecture = replace(architecture, window=window)
    return Artifact.of(synthetic_tflite.build(architecture, 4), "test", ("a", "b", "c", "d"), coding, level_control)


def generate(folder, kernels="portable", mode="window", made_from=None):
    made_from = made_from or artifact()
    plan = codegen.generate_of(made_from, folder, kernels=kernels, mode=mode)
    selftest.write(made_from, plan, folder)
    (folder / "main.c").write_text(MAIN)
    return folder


def run(folder, *flags):
    """(checks that failed, checks that passed)"""
    sources = sorted(folder.glob("*.c"))
    subprocess.run(["cc", "-O1", *host.WARNINGS, "-std=c99", *flags, *sources, "-o", folder / "test"], check=True)
    done = subprocess.run([folder / "test"], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    failed = [line.removeprefix("FAILED ").strip() for line in lines if line.startswith("FAILED")]
    assert done.returncode == bool(failed)
    return failed, [line.removeprefix("ok ").strip() for line in lines if line.startswith("ok")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def broken(whole, tmp_path):
    """A copy to break, and how: replace the first match of a pattern in a file, and run what that gives."""
    return breaker(shutil.copytree(whole, tmp_path / "broken"))


def breaker(folder):
    def replace(name, pattern, replacement):
        text = (folder / name).read_text()
        changed, count = re.subn(pattern, replacement, text, count=1)
        assert count == 1, pattern
        (folder / name).write_text(changed)
        return run(folder)[0]

    return replace


def flip(match):
    """One bit of the number in the second group."""
    return f"{match[1]}{int(match[2]) ^ 64}"


def avx2():
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return pytest.mark.skipif("avx2" not in flags, reason="this machine has no AVX2")


@pytest.mark.parametrize("coding", ["linear", "mu_law"])
@pytest.mark.parametrize("mode", ["window", "sliding"])
@pytest.mark.parametrize("kernels", ["portable", pytest.param("avx2", marks=avx2())])
def test_it_passes(kernels, mode, coding, tmp_path):
    folder = generate(tmp_path, kernels, mode, artifact(coding))
    failed, passed = run(folder, *(["-mavx2"] if kernels == "avx2" else []))
    assert failed == []
    assert {
        "memory",
        "samples",
        "front end",
        "coding",
        "table softmax",
        "kernel convolution 2",
        "kernel dense 1",
    } <= set(passed)
    assert sum(line.startswith("scores") for line in passed) == selftest.CLIPS


@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_it_passes_for_a_window_of_one_and_a_half_seconds(mode, tmp_path):
    failed, passed = run(generate(tmp_path, "portable", mode, artifact(name="nano", level_control=True, window=24_000)))
    assert failed == []
    assert "front end" in passed


@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_it_expects_the_scores_of_the_mode_where_words_are_lowered_on_streams(mode, tmp_path):
    words = replace(artifact(), labels=("a", "b", "_c", "_unknown_"), logit_adjustment=3.0)
    failed, _ = run(generate(tmp_path / "lowered", mode=mode, made_from=words))
    assert failed == []
    plain = generate(tmp_path / "plain", mode=mode, made_from=replace(words, logit_adjustment=0.0))
    name = "edgekws_selftest_model.c"
    same = (tmp_path / "lowered" / name).read_bytes() == (plain / name).read_bytes()
    assert same == (mode == "window")


def test_the_clips_are_of_all_levels():
    clips = selftest.make_clips(16_000).astype(int)
    levels = np.abs(clips).max(1)
    assert levels[0] == 0
    assert levels[-1] == 32_768
    assert (levels[2:] > levels[1:-1]).all()


def test_a_flipped_weight_is_named(broken):
    failed = broken("edgekws_model.c", r"(stage_1_weights\[\d+\] = \{\s+)(-?\d+)", flip)
    assert failed[:2] == ["weights convolution 2", "kernel convolution 2"]


def test_a_flipped_multiplier_is_named(broken):
    failed = broken("edgekws_model.c", r"(stage_0_multiplier\[\d+\] = \{\s+)(\d+)", flip)
    assert failed[0] == "scaling convolution 1"
    assert not any(line.startswith("weights") for line in failed)


def test_a_flipped_dense_weight_and_exponential_are_named(broken):
    flipped = broken("edgekws_model.c", r"(dense_0_weights\[\d+\] = \{\s+)(-?\d+)", flip)
    assert flipped[:2] == ["weights dense 1", "kernel dense 1"]
    both = broken(
        "edgekws_model.c", r"(edgekws_exponentials\[\d+\] = \{\s+\d+, )(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}"
    )
    assert "table softmax" in both


def test_a_wrong_rounding_is_named(broken):
    failed = broken("edgekws_kernels.h", r"threshold = [^;]*;", "threshold = mask;")
    assert any(line.startswith("kernel") for line in failed)
    assert not any(line.startswith(("weights", "scaling", "memory", "samples")) for line in failed)


@pytest.mark.slow
def test_one_rounding_in_place_of_two_is_named_in_every_layer_of_a_trained_model(tmp_path):
    """It changes one value of a thousand by one: trained layers must not be tried on numbers that saturate them."""
    with as_file(files("firmware_assets") / "pretrained" / "nano") as nano:
        made_from = load(nano)
    folder = generate(tmp_path, made_from=made_from)
    assert run(folder)[0] == []
    once = """const int right = 31 - shift;
    const int32_t biased = (int32_t)((uint32_t)sum + (uint32_t)scaling->bias[channel]);
    const int64_t product = (int64_t)biased * scaling->multiplier[i];
    const int32_t value = (int32_t)((product + (INT64_C(1) << (right - 1))) >> right) + scaling->zero_point;"""
    failed = breaker(folder)("edgekws_kernels.h", r"const uint32_t biased = [^}]*scaling->zero_point;", once)
    stages = sum(isinstance(layer, Convolution) for layer in made_from.graph.layers)
    assert stages > 4
    assert {f"kernel convolution {i + 1}" for i in range(stages)} <= set(failed)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        (r"(stage_1_shift, -?\d+, -?\d+, 1\}.*\.buffer = )(\d+)", "shape convolution 2"),
        (r"(stage_2_shift.*\.pad_before = )(\d+)", "shape convolution 3"),
        (r"(dense_0_shift.*\.units = )(\d+)", "shape dense 1"),
    ],
)
def test_a_description_that_moved_is_named(pattern, named, whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "broken")
    model = folder / "edgekws_model.c"
    changed, count = re.subn(pattern, lambda m: f"{m[1]}{int(m[2]) ^ 1}", model.read_text(), count=1)
    assert count == 1
    model.write_text(changed)
    assert named in run(folder)[0]


def test_an_edge_of_sliding_windows_that_moved_is_named(tmp_path):
    folder = generate(tmp_path, mode="sliding")
    pattern = r"(edgekws_maps\[.*\n.*\.left = )(\d+)"
    assert "shape sliding windows" in breaker(folder)("edgekws_model.c", pattern, lambda m: f"{m[1]}{int(m[2]) + 1}")


def test_a_state_that_is_too_small_does_not_compile(broken, capfd):
    with pytest.raises(subprocess.CalledProcessError):
        broken("edgekws_model.h", r"(BUFFER_VALUES )(\d+)", lambda m: f"{m[1]}{int(m[2]) - 4}")
    assert "edgekws_state_has_the_computed_size" in capfd.readouterr().err


def test_a_state_at_an_odd_address_is_named(broken):
    odd = "static char memory[sizeof(edgekws_state) + 1];"
    call = r"static edgekws_state spotter;((?:.|\n)*)edgekws_selftest\(&spotter"
    assert broken("main.c", call, rf"{odd}\1edgekws_selftest((edgekws_state *)(void *)(memory + 1)") == ["memory"]


def test_a_wrong_kernel_of_one_shape_is_named(broken):
    failed = broken("kernels_portable.c", r"sum1 \+= ", "sum1 += (row == 80) + ")
    assert failed[0] == "kernel convolution 2"
    assert "kernel convolution 3" not in failed


def test_a_wrong_coding_is_named(broken):
    assert "coding" in broken("edgekws.c", r"magnitude \+ 132 :", "magnitude + 131 :")


@pytest.mark.parametrize(
    ("level_control", "pattern", "wrong"),
    [
        (False, r"d >> 5", "d >> 6"),
        (False, r"\+ 2560 ", "+ 2000 "),
        (False, r"\? -32767", "? -32768"),
        (True, r">> 7", ">> 8"),
        (True, r"\+ 2048", "+ 2047"),
    ],
)
def test_a_wrong_front_end_is_named(level_control, pattern, wrong, tmp_path):
    folder = generate(tmp_path, made_from=artifact(level_control=level_control))
    assert run(folder)[0] == []
    assert breaker(folder)("edgekws_frontend.h", pattern, wrong) == ["front end"]


def test_level_control_that_the_model_was_not_trained_with_is_named(broken):
    assert broken("edgekws_model.h", "LEVEL_CONTROL 0", "LEVEL_CONTROL 1") == ["front end"]


def test_wrong_samples_and_scores_are_named(broken):
    failed = broken(
        "edgekws_selftest_model.c", r"(edgekws_expected_results.*\n +\{)(-?\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}"
    )
    assert failed == ["expected scores", "scores 0"]
    failed = broken("edgekws_selftest.c", r"i \* 41", "i * 42")
    assert failed[-1] == "samples"


def test_memory_that_is_not_there_is_named(broken):
    """Two halves of the state that are the same memory, as behind an address line that is not connected."""
    failed = broken(
        "edgekws_selftest.c",
        r"memcpy\(bytes \+ i, &word, 4\);",
        "memcpy(bytes + i % (sizeof *spotter / 8 * 4), &word, 4);",
    )
    assert failed[0] == "memory"


def test_an_architecture_of_one_tap_and_hidden_layers(tmp_path):
    made = Architecture("odd", (Block((Conv(4, 1),)), Block((Conv(4, 5, 4),), MaxPool(4, "same"))), (8,))
    content = synthetic_tflite.build(made, 3)
    folder = generate(tmp_path, made_from=Artifact.of(content, "odd", ("a", "b", "c")))
    failed, passed = run(folder)
    assert failed == []
    assert "coding" not in passed  # a code of one sample is used up at once
    assert "kernel dense 2" in passed


def test_recordings_for_targets_without_the_engine_are_the_same_clips(tmp_path):
    selftest.write_recordings(artifact(name="nano"), tmp_path)
    expected = json.loads((tmp_path / "selftest" / "expected.json").read_text())
    assert len(expected) == selftest.CLIPS
    model = artifact(name="nano")
    for name, clip in zip(expected, selftest.make_clips(16_000), strict=True):
        samples, rate = soundfile.read(tmp_path / "selftest" / name, dtype="int16")
        assert rate == 16_000
        assert np.array_equal(samples, clip)
        scores = tflm_reference.run(model.graph, front_end.codes(clip, model))[-1][0]
        assert list(expected[name].values()) == ((scores.astype(int) + 128) / 256).tolist()
