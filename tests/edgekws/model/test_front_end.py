"""The front end: its arithmetic word for word, however a stream is cut, and what it does to sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edgekws.model import front_end
from edgekws.recipe import Model

EXTREMES = (-32_768, -32_767, -1, 0, 1, 32_767)


def by_hand(samples: np.ndarray, level_control: bool) -> np.ndarray:
    """One stream, in Python's own integers."""
    found, d, envelope = [], 0, 0
    for start in range(0, len(samples), 160):
        x = [int(v) for v in samples[start : start + 160]]
        if len(x) == 160:
            d = d + sum(x) - (d >> 5) if start else 32 * sum(x)
        offset = (d + 2_560 + 5_120 * 32_768) // 5_120 - 32_768
        y = [min(max(v - offset, -32_767), 32_767) for v in x]
        if level_control:
            envelope = max(envelope - (envelope >> 7), max(map(abs, y)) << 8, 256 << 8)
            y = [(v * (2**30 // (envelope >> 4)) + 2_048) >> 12 for v in y]
        found += y
    return np.array(found, np.int16)


def sound(kind: str, samples: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "extremes":
        return rng.choice(EXTREMES, samples).astype(np.int16)
    if kind == "steps":  # full scale for many blocks either way
        return np.repeat(rng.choice([-32_768, 32_767], samples // 500 + 1), 500)[:samples].astype(np.int16)
    return (rng.uniform(0, 2, samples) * rng.normal(0, 3_000) + rng.normal(0, 9_000)).clip(-32_768, 32_767).astype("i2")


@pytest.mark.parametrize("level_control", [False, True])
@given(st.sampled_from(["extremes", "steps", "noise"]), st.integers(0, 7_000), st.integers(0, 1_000), st.data())
@hypothesis_settings(max_examples=60)
def test_a_stream_is_what_its_whole_is_however_it_is_cut(level_control, kind, samples, seed, data):
    x = sound(kind, samples, seed)
    expected = by_hand(x, level_control)
    np.testing.assert_array_equal(front_end.process(x, level_control), expected)
    cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=12)))
    stream = front_end.FrontEnd(level_control)
    for _ in range(2):  # flush begins another stream
        pieces = [stream.push(piece) for piece in np.split(x, cuts)]
        assert all(len(piece) % front_end.BLOCK == 0 for piece in pieces)
        np.testing.assert_array_equal(np.concatenate([*pieces, stream.flush()]), expected)


@pytest.mark.parametrize("level_control", [False, True])
def test_clips_side_by_side_are_each_as_alone(level_control):
    clips = np.stack([sound("noise", 4_000, seed) for seed in range(300)])
    expected = [front_end.process(clip, level_control) for clip in clips]
    np.testing.assert_array_equal(front_end.process(clips, level_control), expected)
    assert front_end.process(clips[:0], level_control).shape == (0, 4_000)


@pytest.mark.parametrize("share", [-0.5, -0.1, 0.1, 0.2, 0.6])
def test_an_offset_leaves_no_trace(share):
    tone = np.round(6_000 * np.sin(np.arange(16_000) * 2 * np.pi / 40)).astype(np.int16)  # four periods a block
    plain = front_end.process(tone, False)
    np.testing.assert_array_equal(plain, tone)
    moved = front_end.process((tone + round(32_768 * share)).astype(np.int16), False)
    np.testing.assert_array_equal(moved, plain)


def test_a_step_of_the_offset_is_forgotten_in_seconds():
    step = np.repeat(np.array([0, 3_000], np.int16), 32_000)
    left = front_end.process(step, False)
    assert left[32_000] > 2_900
    assert 3_000 * np.exp(-1) * 0.95 < left[32_000 + 32 * 160] < 3_000 * np.exp(-1) * 1.05
    assert abs(left[-1]) <= 8


@pytest.mark.parametrize("decibels", range(-35, 1, 5))
def test_level_control_brings_every_level_to_half_of_full_scale(decibels):
    tone = (32_767 * 10 ** (decibels / 20) * np.sin(np.arange(16_000) * 2 * np.pi / 40)).astype(np.int16)
    peaks = np.abs(front_end.process(tone, True).astype(int)).reshape(-1, 160).max(1)
    assert peaks.min() > 16_200
    assert peaks.max() < 16_600


def test_level_control_lets_a_silence_grow_by_six_decibels_a_second_and_no_more_than_64_times():
    tone = 16_000 * np.sin(np.arange(16_000) * 2 * np.pi / 40)
    quiet = np.tile(tone / 16_000 * 100, 20)
    heard = front_end.process(np.concatenate([tone, quiet]).astype(np.int16), True).astype(int)
    level = np.abs(heard).reshape(-1, 160).max(1)
    rise = 20 * np.log10(level[400] / level[200]) / 2
    assert rise == pytest.approx(6.81, abs=0.2)
    assert level.max() <= 16_600
    assert level[-1] == pytest.approx(64 * 99, rel=0.02)


def test_codes_are_those_of_the_front_end_by_the_models_coding():
    clips = np.stack([sound("noise", 16_000, seed) for seed in range(3)])
    for coding in ("linear", "mu_law"):
        for level_control in (False, True):
            heard = Model(coding=coding, level_control=level_control)
            expected = front_end.coding.encode(front_end.process(clips, level_control), coding)
            np.testing.assert_array_equal(front_end.codes(clips, heard), expected)


def test_samples_of_another_type_are_refused():
    with pytest.raises(TypeError, match="int16"):
        front_end.process(np.zeros(320, np.int32), False)
