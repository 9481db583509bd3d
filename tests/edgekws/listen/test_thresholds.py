"""A sweep gives the detector's own events; what is counted of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edgekws.listen import detector
from edgekws.listen.detector import NEVER, Detector, Settings
from edgekws.listen.thresholds import Scored, sweep, tally
from edgekws.listen.trials import Spoken

HOP = 2000
LABELS = ("yes", "no", "_unknown_")


def settings(results=2, minimum=2, refractory=3):
    return Settings((200, 200, NEVER), (149, 149, 205), results, minimum, refractory, HOP)


def one_by_one(scores, base, row):
    thresholds_ = tuple(map(int, row))
    releases = detector.releases(thresholds_)
    heard = Detector(replace(base, thresholds=thresholds_, releases=releases))
    found = [heard.push(s) for s in scores]
    return [(t, word) for t, word in enumerate(found) if word >= 0]


def assert_equal_events(scores, base, rows):
    events = sweep(scores, base, rows)
    for k, row in enumerate(rows):
        mine = events.setting == k
        assert list(zip(events.result[mine], events.word[mine], strict=True)) == one_by_one(scores, base, row)
    return len(events.result)


@pytest.mark.parametrize("results", [1, 2, 5])
@pytest.mark.parametrize("minimum", [1, 2])
def test_a_sweep_is_many_detectors_on_long_streams(results, minimum):
    rng = np.random.default_rng(results)
    words = np.repeat(rng.integers(0, 3, 400), rng.integers(1, 12, 400))
    scores = rng.integers(-128, 0, (len(words), 3)).astype(np.int8)
    scores[np.arange(len(words)), words] = rng.integers(0, 128, len(words))
    rows = np.array([[90, 200, NEVER], [255, 100, 120], [80, 80, 80], [240, 240, NEVER]])
    assert assert_equal_events(scores, settings(results, minimum), rows) > 20
    assert assert_equal_events(scores, replace(settings(results, minimum), opened_by=(1,), open=12), rows) > 20
    assert assert_equal_events(scores, replace(settings(results, minimum), alone=30, before=3, unknown=2), rows) > 20


@hypothesis_settings(max_examples=150)
@given(
    st.lists(st.tuples(*[st.sampled_from([-128, -60, 0, 60, 127])] * 3), min_size=1, max_size=40),
    st.lists(st.tuples(*[st.integers(40, 256)] * 3), min_size=1, max_size=4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 6),
    st.sampled_from([((), 0), ((1,), 4), ((0, 2), 9)]),
    st.sampled_from([{}, {"alone": 50, "before": 2, "unknown": 2}, {"alone": 256, "before": 7, "unknown": 0}]),
)
def test_a_sweep_is_many_detectors_on_any_scores(scores, rows, results, minimum, refractory, gate, alone):
    base = replace(settings(results, minimum, refractory), opened_by=gate[0], open=gate[1], **alone)
    assert_equal_events(np.array(scores, np.int8), base, np.array(rows))


def stream(parts, said, kind="keywords"):
    """Scores of results: (class that has nearly everything, how many results)."""
    rows = np.full((sum(count for _, count in parts), 3), -120, np.int8)
    rows[np.arange(len(rows)), np.repeat([word for word, _ in parts], [count for _, count in parts])] = 112
    return Scored(kind, 10.0 if kind == "keywords" else None, len(rows) * HOP / 16_000, rows, said)


def spoken(word, result):
    """A word whose middle is in the middle of the windows of results `result` and the next."""
    middle = 16_000 + (result + 1) * HOP - settings().delay
    return Spoken(word, middle - 3000, middle, middle + 3000)


def test_hits_doubles_confusions_and_strays_are_counted():
    parts = [(2, 10), (0, 5), (2, 10), (1, 5), (2, 30), (0, 5), (2, 5)]
    said = (spoken("yes", 10), spoken("yes", 25), spoken("no", 45))
    found = tally([stream(parts, said)], LABELS, settings(), np.array([[200, 200, NEVER], [250, 250, NEVER]]))
    assert found.said.tolist() == [2, 1, 0]
    assert found.hits.tolist() == [[1, 0, 0], [0, 0, 0]]  # the second yes was heard as no, the no not at all
    assert (found.confused.tolist(), found.strays.tolist()) == ([1, 0], [[1, 0, 0], [0, 0, 0]])
    assert found.delays[0] == [16_000 + 12 * HOP - said[0].end]
    assert found.miss_rate.tolist() == [pytest.approx(2 / 3), 1.0]
    twice = stream([(2, 10), (0, 2), (2, 3), (0, 3), (2, 5)], (spoken("yes", 10),))
    assert tally([twice], LABELS, settings(2, 1, 0), np.array([[120, 200, NEVER]])).doubles.tolist() == [1]
