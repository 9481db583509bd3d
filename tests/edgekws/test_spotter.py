"""Python's door: a model by any of its names classifies and listens as the command line does."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import mypy.api
import numpy as np
import pytest
import soundfile

import edgekws
from convert.tflite import artifact
from edgekws.errors import UserError
from edgekws.listen.classify import Classifier
from edgekws.spotter import Spotter


@pytest.fixture(scope="module")
def nano():
    return edgekws.load("nano")


def noise(seconds=1.0, rate=16_000, seed=0):
    return (np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate))).astype(np.float32)


USE = """
import numpy as np
import edgekws

spotter = edgekws.load("small", false_accepts_per_hour=5)
reveal_type(spotter.classify(np.zeros(16_000, np.int16), rate=16_000))
for event in spotter.listen(edgekws.microphone()):
    reveal_type(event.time)
    reveal_type(event.word)
    reveal_type(event.score)
reveal_type(edgekws.run(training__epochs=3).folder)
reveal_type(edgekws.bundle("small", "c99", "folder"))
edgekws.load(3)
"""


@pytest.mark.slow
def test_a_program_that_uses_it_is_checked_by_mypy_strict(tmp_path):
    """Types come from the package itself (py.typed), and a wrong argument is told."""
    (tmp_path / "use.py").write_text(USE)
    printed, _, _ = mypy.api.run(["--strict", "--follow-imports=silent", str(tmp_path / "use.py")])
    assert re.findall(r'Revealed type is "([^"]+)"', printed) == [
        *("dict[str, float]", "float", "str", "float", "pathlib.Path", "pathlib.Path"),
    ], printed
    assert re.findall(r"use.py:(\d+): error: (.+?)  \[", printed) == [
        ("13", 'Argument 1 to "load" has incompatible type "int"; expected "str | Path"')
    ], printed


def test_importing_is_quick_and_imports_no_framework():
    code = (
        "import sys, time; start = time.perf_counter(); import edgekws; took = time.perf_counter() - start; "
        "assert not {'numpy', 'tensorflow', 'ai_edge_litert'} & set(sys.modules); print(took)"
    )
    took = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)]
    assert min(took) < 0.05


def test_int16_and_floats_give_the_scores_of_the_interpreter(nano):
    samples = np.clip(np.rint(noise() * 32_768), -32_768, 32_767).astype(np.int16)
    found = nano.classify(samples)
    assert found == nano.classify((samples / 32_768).astype(np.float32))
    shipped = artifact.load("nano")
    expected = dict(Classifier(shipped.content, shipped.labels, shipped).classify(samples)[0].scores)
    assert set(found) == set(nano.labels)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert max(abs(found[label] - expected[label]) for label in nano.labels) <= 10 / 256  # XNNPACK's own rounding


def test_words_lowered_on_streams_are_not_lowered_in_clips(nano):
    shipped = artifact.load("nano")
    labels = (*shipped.labels[:-1], "_unknown_")
    plain, lower = (
        Spotter(replace(shipped, labels=labels, detector=None, logit_adjustment=nats)) for nats in (0.0, 4.0)
    )
    sound = noise(5.0, seed=3)
    assert lower.classify(sound) == plain.classify(sound)
    nearest = []
    for one in (plain, lower):
        *_, last = one.hear([np.rint(sound * 32_767).astype(np.int16)])
        nearest.append(last.nearest.score)
    assert nearest[1] < nearest[0]


def test_another_rate_is_resampled_and_channels_are_mixed(nano):
    slow = nano.classify(noise())
    stereo = nano.classify(np.column_stack([noise(), noise()]))
    assert stereo == slow
    assert set(nano.classify(noise(rate=44_100), rate=44_100)) == set(slow)


def test_longer_sound_gives_the_window_that_is_surest(nano):
    long = nano.classify(noise(3.0))
    assert set(long) == set(nano.labels)


def test_listening_hears_the_same_however_the_sound_comes(nano, tmp_path):
    samples = np.clip(np.rint(noise(20, seed=3) * 32_768), -32_768, 32_767).astype(np.int16)
    eager = edgekws.load("nano", threshold=0.02)
    whole = list(eager.listen([samples]))
    assert whole
    assert list(eager.listen(np.split(samples, 50))) == whole
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    assert all(event.word in eager.labels and 0 <= event.time <= 20 for event in eager.listen(tmp_path / "a.wav"))


def test_bundle_is_written_and_loaded(nano, tmp_path):
    made = edgekws.bundle("nano", "c99", tmp_path / "nano")
    again = edgekws.load(made)
    assert again.labels == nano.labels
    assert again.classify(noise()) == nano.classify(noise())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: edgekws.load("nanno"), "no such run folder"),
        (lambda: edgekws.load("nano").classify(np.zeros(0, np.int16)), "no samples"),
        (lambda: edgekws.load("nano").classify(np.zeros(9, np.int32)), "expected samples as int16"),
        (lambda: edgekws.load("nano").classify(np.zeros((2, 2, 2))), "expected samples as int16"),
        (lambda: edgekws.load("nano").classify(np.zeros(9), rate=1), "the rate must be"),
        (lambda: edgekws.bundle("nano", "c98", "x"), "c99"),
        (lambda: edgekws.run(training__epoch=3), "did you mean 'training.epochs'"),
    ],
)
def test_mistakes_are_user_errors(call, match):
    with pytest.raises(UserError, match=match):
        call()


LOGS = """
import os
from convert import pipeline
import edgekws

def complete(run, clips):
    import tensorflow
    tensorflow.config.list_physical_devices("GPU")
    print(os.environ["TF_CPP_MIN_LOG_LEVEL"])

pipeline.load_corpus, pipeline.complete = (lambda run: None), complete
edgekws.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("own", "level"), [({}, "3"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, "0")])
def test_tensorflow_logs_little_from_python_unless_the_user_asks_for_it(tmp_path, own, level):
    """Of its lines only those remain that it logs before it reads the level."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"} | own
    done = subprocess.run([sys.executable, "-c", LOGS], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == f"{level}\n", done.stderr
    assert ("cpu_feature_guard" in done.stderr) == (level == "0")


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        edgekws.lode  # noqa: B018


def test_a_run_takes_from_an_earlier_model_what_it_dictates_as_the_command_does(tmp_path, monkeypatch):
    """nano codes its samples by mu-law, so that a run which starts from it does too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convert.pipeline.load_corpus", lambda run: None)
    monkeypatch.setattr("convert.pipeline.complete", lambda run, clips: None)
    run = edgekws.run(name="more", training__start_from="nano", training__epochs=3)
    assert run.folder.parts == ("runs", "more")
    assert (run.recipe.model.coding, run.recipe.training.epochs) == ("mu_law", 3)
    assert edgekws.run(folder=tmp_path / "there").folder == tmp_path / "there"


def test_words_of_the_model_or_another_model_open_it():
    words = edgekws.load("nano", opened_by=["zero"], open_seconds=2.0)
    assert words.settings.opened_by == (words.labels.index("zero"),)
    assert words.settings.open == round(2.0 * 16_000 / words.hop)
    sound = np.random.default_rng(0).normal(0, 3000, 50_000).astype(np.int16)
    gated = edgekws.load("nano", opened_by=["small"], threshold=0.05)
    assert gated.settings.opened_by == ()
    heard = [event.word for event in gated.listen([sound])]
    before = [event.word for event in edgekws.load("small").listen([sound])]
    assert heard == before == [], "noise opens nothing"
    assert list(edgekws.load("nano", threshold=0.05).listen([sound])), "and would have set it off"
    with pytest.raises(UserError, match=r"'zerro' is no word of gsc16-nano \(zero, one, .*no model"):
        edgekws.load("nano", opened_by=["zerro"])
    with pytest.raises(UserError, match="say what opens the detector"):
        edgekws.load("nano", open_seconds=3.0)


def test_a_word_that_follows_talk_needs_as_much_more_as_is_asked(tmp_path):
    tuned = edgekws.load("small-listen")
    assert tuned.settings.alone > 0
    assert edgekws.load("small-listen", alone=0.0).settings.alone == 0
    asked = edgekws.load("small-listen", false_accepts_per_hour=5, alone=0.5).settings
    assert (asked.alone, asked.unknown) == (128, tuned.labels.index("_unknown_"))
    assert asked.thresholds == edgekws.load("small-listen", false_accepts_per_hour=5).settings.thresholds
    with pytest.raises(UserError, match="needs a model with the class _unknown_"):
        edgekws.load("small", alone=0.3)
    made = edgekws.bundle("small-listen", "c99", tmp_path / "made", alone=0.5)
    assert "DETECTOR_ALONE 128" in next(made.rglob("*detector_settings.h")).read_text()
    assert edgekws.load(made).settings.alone == 128
