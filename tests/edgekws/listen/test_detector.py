"""The detector: what it does, and that the C does the same, event for event."""

import ctypes
import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import synthetic_tflite
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from convert.engine import codegen, detector_source
from convert.tflite.artifact import Artifact
from edgekws import zoo
from edgekws.errors import UserError
from edgekws.listen import detector
from edgekws.listen.detector import NEVER, TALK, Detector, Gate, Settings, Tuned
from edgekws.model import catalogue

WRAPPER = r"""
#include "edgekws_detector.h"
void run(const int8_t *scores, int count, int16_t *events);
void run(const int8_t *scores, int count, int16_t *events)
{
    edgekws_detector detector;
    edgekws_detector_reset(&detector);
    for (int i = 0; i < count; i++) events[i] = (int16_t)edgekws_detector_push(&detector, scores + i * EDGEKWS_CLASSES);
}
void run_opened(const int8_t *scores, int count, int every, int16_t *events);
void run_opened(const int8_t *scores, int count, int every, int16_t *events)
{
    edgekws_detector detector;
    edgekws_detector_reset(&detector);
    for (int i = 0; i < count; i++) {
        if (i % every == every - 1) edgekws_detector_open(&detector);
        events[i] = (int16_t)edgekws_detector_push(&detector, scores + i * EDGEKWS_CLASSES);
    }
}
uint16_t release(uint16_t threshold);
uint16_t release(uint16_t threshold) { return edgekws_detector_release(threshold); }
void run_at(const int8_t *scores, int count, const uint16_t *threshold, const uint16_t *releases, int16_t *events);
void run_at(const int8_t *scores, int count, const uint16_t *threshold, const uint16_t *releases, int16_t *events)
{
    edgekws_detector detector;
    edgekws_detector_reset(&detector);
    for (int i = 0; i < count; i++)
        events[i] = (int16_t)edgekws_detector_push_at(&detector, scores + i * EDGEKWS_CLASSES, threshold, releases);
}
"""
ONE = Settings((200, 200, 256), (150, 150, 256), results=2, minimum=2, refractory=3, hop=2187)
_SHIPPED = json.loads((zoo.folders()["small-listen"] / detector.FILE).read_text())
SHIPPED = detector.from_json(_SHIPPED, tuple(_SHIPPED["thresholds"]))
CHOICES = (
    ONE,
    Settings((128, 255, 0), (128, 0, 0), results=1, minimum=1, refractory=0, hop=2187),
    Settings((140, 150, 160), (100, 100, 100), results=5, minimum=3, refractory=7, hop=2187),
    Settings((140, 150, 160), (100, 100, 100), results=2, minimum=1, refractory=2, hop=2187, opened_by=(1,), open=9),
    Settings((140, 150, 160), (100, 100, 100), results=2, minimum=1, refractory=2, hop=2187, opened_by=(0, 2), open=5),
)
ALONE = Settings(
    (140, 150, 256), (100, 100, 256), results=3, minimum=1, refractory=2, hop=2187, alone=90, before=4, unknown=2
)
CHOICES += (ALONE, replace(ALONE, opened_by=(1,), open=9), replace(ALONE, alone=256, before=1, unknown=0))
CHOICES += (
    replace(ALONE, thresholds=(2, 3, 256), releases=(1, 2, 2), results=255, before=255, alone=256),
)  # the largest
BY_PROGRAM = Settings((140, 150, 160), (100, 100, 100), results=2, minimum=1, refractory=2, hop=2187, open=9)


def events(settings, scores):
    heard = Detector(settings)
    return [heard.push(row) for row in scores]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """C detectors by settings."""
    libraries = {}
    for settings in (*CHOICES, BY_PROGRAM, SHIPPED):
        classes = len(settings.thresholds)
        artifact = Artifact.of(synthetic_tflite.build(catalogue.find("nano").architecture, classes), "test")
        folder = tmp_path_factory.mktemp("detector")
        codegen.generate(artifact.graph, artifact.labels, folder)
        detector_source.write(settings, folder)
        (folder / "wrapper.c").write_text(WRAPPER)
        warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-std=c99")
        subprocess.run(
            ["cc", "-O1", *warnings, "-shared", "-fPIC", "wrapper.c", "-o", "run.so"], cwd=folder, check=True
        )
        libraries[settings] = ctypes.CDLL(str(folder / "run.so"))
    return libraries


def events_in_c(library, scores):
    found = np.empty(len(scores), np.int16)
    pointer = ctypes.c_void_p
    library.run(scores.ctypes.data_as(pointer), len(scores), found.ctypes.data_as(pointer))
    return found.tolist()


def stream(*parts):
    """Scores of results: pairs of (class that has nearly everything, or None, and how many results)."""
    rows = []
    for word, count in parts:
        row = np.full(3, -43 if word is None else -120, np.int8)
        if word is not None:
            row[word] = 112
        rows += [row] * count
    return np.array(rows)


def test_a_word_is_detected_once_and_again_after_it_was_gone():
    found = events(ONE, stream((None, 3), (0, 10), (None, 4), (0, 4)))
    assert [(i, word) for i, word in enumerate(found) if word >= 0] == [(5, 0), (19, 0)]


def test_another_word_waits_for_the_refractory_time():
    found = events(ONE, stream((0, 4), (1, 6)))
    assert [(i, word) for i, word in enumerate(found) if word >= 0] == [(2, 0), (6, 1)]


def test_a_rejection_class_and_a_single_result_are_never_detected():
    assert set(events(ONE, stream((2, 20), (0, 1), (2, 20), (0, 2), (2, 5)))) == {-1}


@pytest.mark.parametrize("settings", [*CHOICES, pytest.param(SHIPPED, id="as tuned, with 18 classes")])
def test_c_gives_the_same_events_on_random_streams(settings, compiled):
    rng, classes = np.random.default_rng(1), len(settings.thresholds)
    total = 0
    for smoothness in (1, 3, 10):
        words = np.repeat(rng.integers(0, classes, 4000 // smoothness), smoothness)
        noise = rng.integers(-128, 128, (len(words), classes))
        scores = np.where(np.arange(classes) == words[:, None], np.maximum(noise, 90), noise // 2 - 64).astype(np.int8)
        expected = events(settings, scores)
        assert events_in_c(compiled[settings], scores) == expected
        total += sum(word >= 0 for word in expected)
    assert total > 10


@hypothesis_settings(max_examples=100)
@given(st.lists(st.tuples(*[st.integers(-128, 127)] * 3), min_size=1, max_size=60), st.sampled_from(CHOICES))
def test_c_gives_the_same_events_on_any_scores(compiled, rows, settings):
    scores = np.array(rows, np.int8)
    assert events_in_c(compiled[settings], scores) == events(settings, scores)


def test_c_takes_thresholds_of_the_programs_own(compiled):
    library, pointer = compiled[SHIPPED], ctypes.c_void_p
    settings = detector.with_threshold(SHIPPED, 0.3)
    assert [library.release(t) for t in range(257)] == list(detector.releases(range(257)))
    scores = np.random.default_rng(2).integers(-128, 128, (4000, len(settings.thresholds))).astype(np.int8)
    found = np.empty(len(scores), np.int16)
    limits = [np.array(values, np.uint16) for values in (settings.thresholds, settings.releases)]
    given = [array.ctypes.data_as(pointer) for array in (*limits, found)]
    library.run_at(scores.ctypes.data_as(pointer), len(scores), *given)
    assert found.tolist() == events(settings, scores) != events_in_c(library, scores)


def test_words_count_for_a_time_after_the_phrase_that_opens_them():
    settings = Settings((200, 200, 256), (150, 150, 256), 1, 1, 2, hop=2187, opened_by=(1,), open=6)
    found = events(settings, stream((0, 3), (None, 2), (1, 1), (None, 3), (0, 2), (None, 4), (0, 3), (1, 1)))
    assert [(i, word) for i, word in enumerate(found) if word >= 0] == [(5, 1), (9, 0), (18, 1)]
    last = [events(settings, stream((1, 1), (None, gap), (0, 1)))[-1] for gap in (5, 6)]
    assert last == [0, -1], "the sixth result after the phrase is the last"
    assert 0 in events(ONE, stream((0, 3))), "without a phrase that opens them words always count"


def test_a_program_opens_one_model_after_another_has_heard_a_phrase(compiled):
    scores = np.random.default_rng(3).integers(-128, 128, (3000, 3)).astype(np.int8)
    found = np.empty(len(scores), np.int16)
    pointer = ctypes.c_void_p
    compiled[BY_PROGRAM].run_opened(scores.ctypes.data_as(pointer), len(scores), 40, found.ctypes.data_as(pointer))
    heard, expected = Detector(BY_PROGRAM), []
    for i, row in enumerate(scores):
        if i % 40 == 39:
            heard.open()
        expected.append(heard.push(row))
    assert found.tolist() == expected
    times = np.flatnonzero(np.array(expected) >= 0)
    assert len(times) > 50
    assert (((times - 39) % 40) < BY_PROGRAM.open).all()
    assert set(events(BY_PROGRAM, scores)) == {-1}, "nothing opened it"


def test_a_word_that_follows_talk_needs_a_higher_score(compiled):
    talk, quiet = (2, 4), (None, 4)
    said_alone, after_talk = (stream(before, (None, 1), (0, 2), (None, 3)) for before in (quiet, talk))
    assert 0 in events(ALONE, said_alone)
    assert 0 not in events(ALONE, after_talk)
    assert 0 in events(ALONE, stream(talk, (None, 1), (0, 3))), "a high average counts after talk too"
    assert 0 not in events(replace(ALONE, alone=256), stream(talk, (None, 1), (0, 3))), "nothing reaches it"
    assert 0 in events(replace(ALONE, opened_by=(1,), open=9), stream((1, 2), talk, (0, 3))), "the phrase is talk too"
    gated = replace(ALONE, opened_by=(0,), open=9)
    assert 0 not in events(gated, after_talk), "what opens it must be said alone as well"
    assert 0 in events(gated, said_alone)
    detectors = [Detector(one) for one in (ALONE, replace(ALONE, alone=0))]
    shares = [[heard.nearest()[1] for row in after_talk if heard.push(row) < 99] for heard in detectors]
    assert max(shares[0]) < 1 <= max(shares[1]), "the share is of what is needed after talk"


def test_talk_counts_in_the_results_before_those_averaged():
    """Two results before the one that is averaged tell it: one of talk raises the threshold, two raise it more."""
    one = replace(ALONE, results=1, before=2, alone=256)
    heard = [0 in events(one, stream((None, 3), (2, 2), (None, gap), (0, 1))) for gap in range(4)]
    assert heard == [False, False, True, True]
    half = replace(one, alone=160)
    heard = [0 in events(half, stream((None, 3), (2, 2), (None, gap), (0, 1))) for gap in range(3)]
    assert heard == [False, True, True]
    assert 0 in events(replace(ALONE, results=1, before=2), stream((0, 1))), "before the first result nobody talked"


def test_the_rise_is_in_proportion_to_the_talk_and_none_where_there_is_little():
    one = replace(ALONE, alone=80, results=5, before=10)
    assert [detector.rise(one, 10 * mean) for mean in (0, TALK, TALK + 40, TALK + 80, NEVER)] == [0, 0, 100, 200, 400]
    talk = np.arange(0, 2551)
    risen = detector.rise(one, talk)
    assert (np.diff(risen) >= 0).all()
    assert risen.tolist() == [detector.rise(one, t) for t in talk.tolist()]
    assert not detector.rise(replace(one, alone=0), talk).any()


def test_words_said_alone_are_a_share_of_the_threshold_and_results_of_a_time():
    labels, hop = ("yes", "no", "_unknown_"), 2000
    settings = detector.default(labels, hop)
    alone = detector.after_talk(settings, labels, 0.25)
    assert (alone.alone, alone.before, alone.unknown) == (64, 12, 2)
    assert detector.from_json(json.loads(json.dumps(detector.to_json(alone, labels))), labels) == alone
    assert detector.after_talk(alone, labels, 0.0) == settings
    assert not {"alone", "before", "unknown"} & set(detector.to_json(settings, labels))
    with pytest.raises(UserError, match="needs a model with the class _unknown_"):
        detector.after_talk(settings, ("yes", "no", "maybe"), 0.25)
    with pytest.raises(UserError, match="by 0 to 1 after talk, got 1.5"):
        detector.after_talk(settings, labels, 1.5)


def test_a_gate_names_words_of_the_model_and_becomes_results():
    labels, hop = ("computer", "lights", "_unknown_"), 2000
    settings = detector.default(labels, hop)
    gated = Gate(("computer",), 5.0).on(settings, labels)
    assert (gated.opened_by, gated.open) == ((0,), 40)
    assert detector.from_json(json.loads(json.dumps(detector.to_json(gated, labels))), labels) == gated
    assert Gate().on(settings, labels) is settings
    assert "open" not in detector.to_json(settings, labels)
    assert Gate((), 5.0).on(settings, labels).open == 40, "a program opens it"
    with pytest.raises(UserError, match="'computr' is no word of this model that could open it; did you mean computer"):
        Gate(("computr",), 5.0).on(settings, labels)
    with pytest.raises(UserError, match="expected one of computer, lights"):
        Gate(("_unknown_",), 5.0).on(settings, labels)
    with pytest.raises(UserError, match="up to 600 seconds, got -1"):
        Gate(("computer",), -1.0).on(settings, labels)


def test_settings_by_default_never_detect_rejection_classes():
    settings = detector.default(("yes", "_unknown_"), 2187)
    assert settings.thresholds == (detector.THRESHOLD, detector.NEVER)
    assert (settings.results, settings.minimum, settings.refractory) == (3, 2, 5)
    once_a_second = detector.default(("yes",), 16_000)
    assert (once_a_second.results, once_a_second.minimum) == (1, 1)


def test_settings_of_a_run_are_read_and_serve_their_hop(tmp_path):
    labels, path = ("yes", "nö", "_unknown_"), tmp_path / detector.FILE
    path.write_text(json.dumps(detector.to_json(ONE, labels)), encoding="utf-8")
    assert detector.read(path, labels) == Tuned(ONE)
    assert detector.fitting(Tuned(ONE), labels, 2187) == ONE
    assert detector.fitting(Tuned(ONE), labels, 16_000) == detector.default(labels, 16_000)
    assert detector.fitting(None, labels, 2187) == detector.default(labels, 2187)
    path.write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        detector.read(path, labels)


def test_settings_of_another_goal_are_those_of_the_largest_that_is_not_more(tmp_path):
    labels, path = ("yes", "nö", "_unknown_"), tmp_path / detector.FILE
    lower = detector.with_threshold(ONE, 0.3)
    tuned = Tuned(ONE, {0.5: ONE, 10.0: lower})
    path.write_text(json.dumps(detector.tuned_to_json(tuned, labels)), encoding="utf-8")
    assert detector.read(path, labels) == tuned
    assert tuned.at(0.5).settings == tuned.at(9.9).settings == ONE
    assert tuned.at(10).settings == tuned.at(1e6).settings == lower
    with pytest.raises(UserError, match=r"for 0.4 false accepts an hour or fewer \(known: 0.5, 10\)"):
        tuned.at(0.4)
    with pytest.raises(UserError, match=r"known: none\); 'edgekws tune'"):
        Tuned(ONE).at(1.0)


def stored(**changes):
    return json.dumps(detector.to_json(ONE, ("yes", "no", "up")) | changes)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        stored(results="x"),
        stored(hop=None),
        stored(results=-3),
        stored(results=float("inf")),
        stored(goals=[]),
        stored(goals={"x": {}}),
        stored(goals={"1": 3}),
        stored(opened_by=["maybe"], open=3),
        stored(alone=3, before=3),
    ],
)
def test_a_damaged_file_is_named(content, tmp_path):
    path = tmp_path / detector.FILE
    path.write_text(content)
    with pytest.raises(UserError, match="remove it for the default settings") as error:
        detector.read(path, ("yes", "no", "up"))
    assert str(path) in str(error.value)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        detector.read(tmp_path, ("yes", "no", "up"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"releases": (201, 0, 0)},
        {"thresholds": (257, 0, 0)},
        {"results": 0},
        {"minimum": 0},
        {"hop": 0},
        {"opened_by": (3,)},
        {"open": 65_536},
        {"alone": 257, "before": 3, "unknown": 2},
        {"alone": 9, "before": 0, "unknown": 2},
        {"alone": 9, "before": 256, "unknown": 2},
        {"alone": 9, "before": 3, "unknown": 3},
        {"alone": 9, "before": 3},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UserError):
        Settings(**(vars(ONE) | wrong))


@pytest.mark.parametrize("probability", [0.004, 0.02, 0.2, 0.4, 0.8, 1.0])
def test_a_word_is_detected_again_whatever_the_threshold(probability):
    settings = detector.with_threshold(detector.default(("yes", "no"), 2_000), probability)
    loud, quiet = np.array([127, -128], np.int8), np.array([-128, -128], np.int8)
    spotter = Detector(settings)
    found = [spotter.push(row) for row in [loud] * 8 + [quiet] * 12 + [loud] * 8 + [quiet] * 12]
    assert found.count(0) == 2
