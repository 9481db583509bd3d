"""The bundle for TensorFlow Lite Micro: its C compiles, codes as Python does, and makes the clips of the self-test."""

import dataclasses
import json
import re
import subprocess

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import selftest
from convert.targets import Request, bundle, names, tflm, verify
from convert.tflite import artifact, tflm_reference
from edgekws.listen import detector
from edgekws.listen.detector import Settings, Tuned
from edgekws.model import catalogue, coding, front_end

LABELS = ("yes", '"ü', "a??/b")


def model(name: str, labels: tuple[str, ...] = (), code: str = "linear") -> artifact.Artifact:
    content = synthetic_tflite.build(catalogue.find(name).architecture, len(labels) or 16)
    return artifact.Artifact.of(content, name, labels, code)


@pytest.fixture(scope="module", params=coding.CODINGS)
def made(request, tmp_path_factory):
    """Coding and bundle."""
    source = model("nano", LABELS, request.param)
    return request.param, bundle.make(Request(source), "tflm", tmp_path_factory.mktemp("tflm bundles") / request.param)


def test_the_manifest_says_what_the_settings_say(made):
    facts = json.loads((made[1] / "manifest.json").read_text())
    settings = (made[1] / "edgekws_nano_settings.h").read_text()
    assert f"#define EDGEKWS_NANO_ARENA_BYTES {facts['arena_bytes']}\n" in settings
    assert "#define EDGEKWS_NANO_INPUT_SCALE 0.0078125f" in settings
    assert f"#define EDGEKWS_NANO_CODING_MU_LAW {int(made[0] == 'mu_law')}\n" in settings
    assert facts["operators"] == ["CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "RESHAPE", "SOFTMAX"]
    resolver = (made[1] / "edgekws_nano_op_resolver.h").read_text()
    assert re.findall(r"resolver\.Add(\w+)\(\);", resolver) == [
        "Conv2D", "FullyConnected", "MaxPool2D", "Reshape", "Softmax"
    ]  # fmt: skip
    assert "MicroMutableOpResolver<5>" in resolver
    assert verify.problems(made[1]) == []


CHECK = r"""
#include <cstdio>
#include <cstring>
#include "edgekws_coding.h"
#include "edgekws_model.h"
SELFTEST
int main()
{
    for (int sample = -32768; sample < 32768; sample++) std::putchar((unsigned char)edgekws_code((int16_t)sample));
    for (int clip = 0; clip < 9; clip++)
        for (int i = 0; i < EDGEKWS_WINDOW; i++) {
            int16_t sample = next_sample(clip, i);
            std::fwrite(&sample, 2, 1, stdout);
        }
    std::fwrite(expected, 1, sizeof expected, stdout);
    std::fwrite(edgekws_model, 1, edgekws_model_bytes, stdout);
    for (const char *label : edgekws_labels) std::puts(label);
    return (unsigned long)edgekws_model % 16 != 0;
}
"""


def test_the_c_has_the_codes_clips_scores_and_model_of_python(made, tmp_path):
    name, folder = made
    program = (folder / "edgekws_nano_selftest.cc").read_text()
    clips = program[program.index("static const int8_t expected") : program.index("int main(void)")]
    (tmp_path / "check.cc").write_text(names.renamed(CHECK, "edgekws_nano").replace("SELFTEST", clips))
    command = ["c++", "-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{folder}", tmp_path / "check.cc",
               folder / "edgekws_nano_model.cc", "-o", tmp_path / "check"]  # fmt: skip
    subprocess.run(command, check=True)
    out = subprocess.run([tmp_path / "check"], check=True, capture_output=True).stdout
    codes, rest = np.frombuffer(out[:65_536], np.int8), out[65_536:]
    assert np.array_equal(codes, coding.table(name))
    made_clips = selftest.make_clips(16_000)
    assert np.array_equal(np.frombuffer(rest[: made_clips.nbytes], np.int16).reshape(made_clips.shape), made_clips)
    rest = rest[made_clips.nbytes :]
    source = model("nano", LABELS, name)
    scores = [tflm_reference.run(source.graph, front_end.codes(clip, source))[-1][0] for clip in made_clips[::3]]
    assert np.array_equal(np.frombuffer(rest[:27], np.int8).reshape(9, 3)[::3], scores)
    assert rest[27:].removeprefix(source.content).decode().splitlines() == list(LABELS)


LISTEN = r"""
#include <cstdio>
#include "edgekws_detector.h"
int main()
{
    edgekws_detector detector;
    edgekws_detector_reset(&detector);
    int8_t scores[EDGEKWS_CLASSES];
    while (std::fread(scores, 1, sizeof scores, stdin) == sizeof scores)
        std::printf("%d\n", edgekws_detector_push(&detector, scores));
    return EDGEKWS_DETECTOR_HOP != 2000;
}
"""


def test_the_detector_has_the_settings_that_were_tuned_and_the_events_of_python(tmp_path):
    settings = Settings((150, 160, 170), (100, 110, 120), results=3, minimum=2, refractory=4, hop=2_000)
    source = dataclasses.replace(model("nano", LABELS), detector=Tuned(settings))
    folder = bundle.make(Request(source), "tflm", tmp_path / "bundle")
    assert verify.problems(folder) == []
    assert json.loads((folder / "manifest.json").read_text())["detector"] == detector.to_json(settings, LABELS)
    (tmp_path / "listen.cc").write_text(names.renamed(LISTEN, "edgekws_nano"))
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    command = ["c++", "-std=c++17", *warnings, f"-I{folder}", tmp_path / "listen.cc", "-o", tmp_path / "listen"]
    subprocess.run(command, check=True)
    rng = np.random.default_rng(1)
    scores = np.repeat(rng.integers(-128, 128, (200, 3)), 5, axis=0).astype(np.int8)
    out = subprocess.run([tmp_path / "listen"], check=True, capture_output=True, input=scores.tobytes()).stdout
    heard = detector.Detector(settings)
    expected = [heard.push(row) for row in scores]
    assert list(map(int, out.split())) == expected
    assert len(set(expected)) == 4


@pytest.mark.parametrize(("name", "used"), [("nano", (67_620, 68_768)), ("custom-32/8", (1_029_764, 1_031_168))])
def test_the_computed_arena_holds_what_tflm_was_measured_to_use(name, used):
    """TFLM 90b983c, reference kernels, on a Cortex-M4 and on x86-64: `arena_used_bytes` of the self-test."""
    computed = tflm.arena(model(name))
    assert max(used) <= computed.total <= max(used) + 6_000
    assert computed.activations <= min(used)


def test_clips_are_silent_then_ever_louder():
    loudness = np.abs(selftest.make_clips(4_000).astype(int)).max(axis=1)
    assert loudness[0] == 0
    assert (loudness[2:] > loudness[1:-1]).all()
    assert loudness[-1] > 16_000
