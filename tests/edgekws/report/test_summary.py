"""What a user is told first, and what is not claimed."""

import pytest

from edgekws.report import summary


def rows(**counts):
    return [{"word": word, "correct": right, "total": total} for word, (right, total) in counts.items()]


def figures(speakers=3, nameless=0, shared=0, **counts):
    data = {"speakers": {"testing": speakers}, "speakers_nameless": nameless, "speakers_shared": shared}
    return {"recall": {"int8": rows(**counts)}, "data": data}


def listening(per_hour, low, high, goal=2.0):
    return {"goal": goal, "testing": {"per_hour": per_hour, "interval": [low, high]}}


def test_the_words_come_first_and_made_classes_are_apart():
    found = figures(yes=(2, 3), no=(2, 3), _unknown_=(60, 60), _silence_=(23, 24))
    right = summary.words_right(found)
    assert (right.correct, right.total) == (4, 6)
    text = summary.lines(found)
    assert text[0].startswith("words heard right by int8, testing: 0.6667")
    assert text[1].split()[:2] == ["yes", "0.6667"]
    place = text.index("what is no word, taken for none:")
    assert [line.split()[0] for line in text[place + 1 : place + 3]] == ["_unknown_", "_silence_"]


def test_few_testing_clips_of_a_word_are_told():
    found = figures(yes=(19, 19), no=(20, 20))
    assert summary.warnings(found) == [
        "fewer than 20 testing clips of yes (19): their intervals are wide; record more, or raise testing_percent"
    ]
    assert summary.warnings(figures(yes=(20, 20), no=(20, 20))) == []


@pytest.mark.parametrize(
    ("word", "unknown", "near"), [(0.98, 0.95, False), (0.98, 0.02, True), (0.1, 0.98, True), (0.6, 0.9, False)]
)
def test_one_phrase_alone_is_judged_together_with_what_is_no_word(word, unknown, near):
    found = figures(hey=(round(200 * word), 200), _unknown_=(round(200 * unknown), 200))
    assert any("near chance (guessing gets 0.50)" in warning for warning in summary.warnings(found)) == near


@pytest.mark.parametrize(
    ("right", "words", "near"),
    [(0.28, 10, True), (0.28, 4, True), (0.5, 2, True), (0.6, 2, True), (0.9, 2, False), (0.6, 10, False)],
)
def test_an_accuracy_near_chance_says_so(right, words, near):
    found = figures(**{f"word{i}": (round(200 * right), 200) for i in range(words)})
    told = [warning for warning in summary.warnings(found) if "near chance" in warning]
    assert bool(told) == near
    if near:
        assert f"{right:.2f} is near chance (guessing gets {1 / words:.2f})" in told[0]


@pytest.mark.parametrize(
    ("facts", "claims", "told"),
    [
        ({}, True, " of 3 speakers it never heard"),
        ({"nameless": 48, "speakers": 0}, False, "do not say who speaks"),
        ({"shared": 1, "speakers": 1}, False, "split by take, of the one speaker it was trained on"),
        ({"shared": 2, "speakers": 2}, False, "split by take, of speakers it was trained on"),
    ],
)
def test_speakers_are_claimed_only_where_they_are_known_and_apart(facts, claims, told):
    found = figures(yes=(30, 30), no=(30, 30), **facts)
    assert summary.claims_speakers(found["data"]) == claims
    assert told in summary.tested_on(found["data"])
    assert bool(summary.warnings(found)) != claims


def test_reports_of_before_still_claim_what_they_did():
    assert summary.tested_on({"speakers": {"testing": 156}}) == " of 156 speakers it never heard"


@pytest.mark.parametrize(
    ("measured", "reached", "told"),
    [
        ((9.0, 4.1, 17.1), False, "goal missed: 9.00 [4.10, 17.10] measured in testing, 2 asked for"),
        ((0.5, 0.1, 1.9), True, "goal reached: 0.50"),
        ((1.5, 0.5, 3.0), True, "goal reached, but not surely: 1.50 [0.50, 3.00]"),
    ],
)
def test_a_goal_is_judged_where_it_was_measured(measured, reached, told):
    found = summary.goal(listening(*measured))
    assert found[0] == reached
    assert told in found[1]


@pytest.mark.parametrize(
    ("rate", "reached", "told"),
    [
        ((3.0, 0.6, 8.8), False, "goal missed in noise: 3.00 [0.60, 8.80] measured in testing, 0.5 asked for"),
        ((0.0, 0.0, 0.4), True, "goal reached: 0.50"),
        ((0.0, 0.0, 3.7), True, "goal reached, but not surely: 0.50"),
    ],
)
def test_noise_has_a_goal_of_its_own(rate, reached, told):
    found = listening(0.5, 0.1, 1.9) | {"quiet_goal": 0.5}
    found["testing"] |= {"quiet": {"kind": "noise", "per_hour": rate[0], "interval": list(rate[1:])}}
    assert summary.goal(found)[0] == reached
    assert told in summary.goal(found)[1]


def test_what_may_lose_something_is_told_before_training():
    text = summary.prepared({"clips": 9, "resampled": 9, "cropped": 4, "lost": 2, "copies": 1})
    assert text[0] == "  4 recordings: longer than one second, cut to the second where the speech is"
    assert "a part of the word may be lost" in text[1]
    assert len(text) == 3


def test_the_engines_bytes_are_its_own():
    profiled = {"engine": {"builds": [{"kernels": "portable", "state_bytes": 2056}], "arena_bytes": 144_000}}
    assert summary.engine_bytes(profiled) == 2056
    assert summary.engine_bytes({"engine_bytes": 1900} | profiled) == 1900
    assert summary.engine_bytes({}) is None
