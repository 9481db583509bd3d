"""A recording as one second: cut where its speech is."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekws import audio
from edgekws.audio import CLIP_SAMPLES, Preparation, cut


def word(seconds: float, level: int = 8_000) -> np.ndarray:
    """A rising tone that no other part of a recording is like."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    return level * np.sin(2 * np.pi * (200 + 800 * time) * time)


def recording(seconds: float, start: float, said: np.ndarray, noise: float = 20.0, offset: float = 0.0) -> np.ndarray:
    """The word from ``start`` on in noise, int16."""
    sound = np.random.default_rng(5).normal(offset, noise, round(seconds * 16_000))
    begin = round(start * 16_000)
    sound[begin : begin + len(said)] += said[: len(sound) - begin]
    return np.rint(sound).clip(-32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (12_000, Preparation(clips=1, padded=1)),
        (16_000, Preparation(clips=1)),
        (20_000, Preparation(clips=1, cropped=1)),
    ],
)
def test_a_clip_is_one_second_and_says_how(tmp_path, samples, expected):
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(np.arange(samples) / 7), 16_000)
    clip, done = audio.read_clip(tmp_path / "a.wav")
    assert clip.shape == (CLIP_SAMPLES,)
    assert done == expected


@given(
    seconds=st.floats(1.2, 6), length=st.floats(0.2, 0.9), place=st.floats(0, 1), noise=st.floats(0, 300),
    offset=st.integers(-3000, 3000),
)  # fmt: skip
@settings(max_examples=200)
def test_a_word_that_fits_is_kept_whole_wherever_it_is_said(seconds, length, place, noise, offset):
    start = place * (seconds - length)
    found = recording(seconds, start, word(length), noise, offset)
    begin, lost = cut.speech(found, CLIP_SAMPLES)
    assert not lost
    frame = 160  # the rule knows the sound to 10 ms
    assert begin <= start * 16_000 + frame
    assert begin + CLIP_SAMPLES >= (start + length) * 16_000 - frame


def test_the_word_lies_in_the_middle_where_there_is_room():
    found = recording(3.0, 0.3, word(0.4))
    begin, _ = cut.speech(found, CLIP_SAMPLES)
    clip = found[begin : begin + CLIP_SAMPLES]
    loud = np.flatnonzero(np.abs(clip.astype(int)) > 1_000)
    assert abs((loud[0] + loud[-1]) / 2 - 8_000) < 400


def test_speech_over_more_than_a_second_may_be_lost_and_is_counted():
    both = recording(3.0, 0.2, word(0.5)).astype(int) + recording(3.0, 2.2, word(0.5))
    assert cut.speech(both.astype(np.int16), CLIP_SAMPLES)[1]
    assert cut.speech(recording(3.0, 0.5, word(1.8)), CLIP_SAMPLES)[1]


def test_without_any_sound_it_is_the_middle():
    assert cut.speech(np.zeros(40_000, np.int16), CLIP_SAMPLES) == (12_000, False)


@given(length=st.integers(16_001, 16_400), seed=st.integers(0, 50))
def test_the_cut_lies_within_the_recording(length, seed):
    found = np.random.default_rng(seed).integers(-3000, 3000, length).astype(np.int16)
    begin, _ = cut.speech(found, CLIP_SAMPLES)
    assert 0 <= begin <= length - CLIP_SAMPLES
