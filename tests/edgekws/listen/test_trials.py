"""Streams with known words: each stands where it is said to be, at the ratio asked for."""

from dataclasses import replace

import numpy as np
import pytest

from edgekws.corpus.clips import Selection
from edgekws.corpus.spoken import espeak
from edgekws.listen import trials

WORDS = ("yes", "no", "up")


def tone(frequency, start=4000, length=6000):
    clip = np.zeros(16_000, np.int16)
    clip[start : start + length] = 8000 * np.sin(2 * np.pi * frequency * np.arange(length) / 16_000)
    return clip


@pytest.fixture(scope="module")
def material():
    clips = np.stack([tone(f) for f in (300, 900, 2700)] * 4)
    hiss = np.random.default_rng(0).integers(-300, 300, 40_000).astype(np.int16)
    voices = espeak.split_voices(Selection())["testing"]
    return trials.Material(WORDS, clips, np.arange(12) % 3, np.stack([tone(5000)]), [hiss], voices)


def taken(trial):
    return np.concatenate(list(trial.blocks))


def unknown_words(material):
    return next(trial for trial in trials.negatives(material, 0.2, 1) if trial.kind == "unknown words")


def test_every_keyword_is_where_it_is_said_to_be(material):
    trial = trials.keywords(material, 20.0, 1)
    sound = taken(trial)
    assert sorted(spoken.word for spoken in trial.said) == sorted(WORDS * 4)
    for spoken in trial.said:
        assert spoken.end - spoken.start == pytest.approx(0.95 * 6000, abs=60)
        assert spoken.middle - spoken.start == pytest.approx(0.475 * 6000, abs=60)
        spectrum = np.abs(np.fft.rfft(sound[spoken.start : spoken.start + 4000].astype(float)))
        assert spectrum.argmax() * 4 == pytest.approx((300, 900, 2700)[WORDS.index(spoken.word)], abs=4)
    gaps = np.diff([spoken.middle for spoken in trial.said])
    assert (1.75 * 16_000 - 1) <= gaps.min() <= gaps.max() <= 3.25 * 16_000


@pytest.mark.parametrize("ratio", [20.0, 0.0])
def test_the_ratio_is_that_over_the_clips_second(material, ratio):
    trial = trials.keywords(material, ratio, 3)
    for block, clip in zip(trial.blocks, [None] * 12, strict=True):
        spoken, second = trial.said[-1], block[-16_000:].astype(float)
        clip = trials.faded(material.keywords[WORDS.index(spoken.word)])
        noise = second - clip
        assert 20 * np.log10(np.std(clip) / np.std(noise)) == pytest.approx(ratio, abs=0.5)


def test_the_same_seed_gives_the_same_keywords_and_noise(material):
    assert np.array_equal(taken(trials.keywords(material, 5.0, 1)), taken(trials.keywords(material, 5.0, 1)))
    first, again, other = (taken(trials.negatives(material, 0.01, seed)[0]) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_negatives_are_as_long_as_asked_for_and_hold_every_kind(material):
    found = {
        trial.kind: (taken(trial), {spoken.word for spoken in trial.said})
        for trial in trials.negatives(material, 0.03, 1)
    }
    assert found.pop("recorded words")[1] == {"recorded word"}
    assert {kind: len(sound) for kind, (sound, _) in found.items()} == {
        kind: round(0.03 * share * 3600 * 16_000) for kind, share in trials.SHARES.items()
    }
    assert found["noise"][1] == set()
    assert found[trials.SYNTHETIC][1] == {"sentence"}
    assert found["unknown words"][1] == {"word backwards", "spoken word"}
    levels = [20 * np.log10(np.std(part) / 32_768 + 1e-9) for part in np.split(found["noise"][0][:800_000], 10)]
    assert max(levels) - min(levels) > 6


def test_a_word_backwards_is_never_twice_the_same_sound(material):
    trial = unknown_words(material)
    taken(trial)
    lengths = [spoken.end - spoken.start for spoken in trial.said if spoken.word == "word backwards"]
    assert len(lengths) > 20
    assert len(set(lengths)) > 0.9 * len(lengths)
    assert 0.95 * 6000 / 1.13 < min(lengths) < max(lengths) < 0.95 * 6000 / 0.87


def test_every_recorded_word_that_is_no_keyword_comes_once_however_many_hours(material):
    others = np.stack([tone(5000, length=length) for length in range(2000, 8000, 300)])
    for hours in (0.01, 0.02):
        (trial,) = (
            one for one in trials.negatives(replace(material, others=others), hours, 1) if one.kind == "recorded words"
        )
        taken(trial)
        lengths = [round((spoken.end - spoken.start) / 0.95 / 100) for spoken in trial.said]
        assert sorted(lengths) == list(range(20, 80, 3))
        assert lengths != sorted(lengths)


def test_recordings_of_no_word_are_heard_once_however_many_hours_each_out_of_quiet(material):
    one, two, three = np.random.default_rng(0).integers(-900, 900, (3, 16_000)).astype(np.int16)
    for hours in (0.01, 0.02):
        *_, last = trials.negatives(replace(material, sound={"talk": [[one, two], [three]]}), hours, 1)
        heard, pause = taken(last), trials.PAUSE
        assert (last.kind, last.said, last.pauses) == ("talk", [], 2 * pause)
        assert np.array_equal(heard[pause : pause + 32_000], [*one, *two])
        assert np.array_equal(heard[2 * pause + 32_000 :], three)
        quiet = np.concatenate([heard[:pause], heard[pause + 32_000 :][:pause]])
        assert 1 < quiet.std() < 5
        assert not np.array_equal(quiet[:pause], quiet[pause:])


def test_without_other_recordings_there_is_no_such_stream(material):
    none = replace(material, others=material.others[:0])
    assert [trial.kind for trial in trials.negatives(none, 0.01, 1)] == list(trials.SHARES)
