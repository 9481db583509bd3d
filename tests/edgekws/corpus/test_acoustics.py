"""Sounds made by arithmetic are what their names say."""

import numpy as np
import pytest

from edgekws.corpus import acoustics


@pytest.mark.parametrize("length", [16_000, 160_000])
def test_calls_are_harmonic_sounds_that_glide_and_differ_by_draw(length):
    rng = np.random.default_rng(0)
    first, second = acoustics.calls(rng, length), acoustics.calls(rng, length)
    assert first.shape == (length,)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not np.array_equal(first, second)
    again = acoustics.calls(np.random.default_rng(0), length)
    np.testing.assert_array_equal(first, again)
    flat = []  # the spectral flatness of each tenth of a second: near 1 for noise, far under it for tones
    for part in np.concatenate([first, second]).reshape(-1, 1600):
        power = np.abs(np.fft.rfft(part * np.hanning(1600)))[10:] ** 2
        flat.append(np.exp(np.mean(np.log(power))) / np.mean(power))
    assert min(flat) < 0.02


def test_speed_changes_length_and_pitch_together():
    rng, time = np.random.default_rng(3), np.arange(16_000) / 16_000
    tone = 1000 * np.sin(2 * np.pi * 440 * time)
    lengths = set()
    for _ in range(20):
        played = acoustics.at_speed(rng, tone, 12)
        assert played.dtype == np.float32
        speed = len(tone) / len(played)
        assert 0.879 < speed < 1.121
        pitch = np.abs(np.fft.rfft(played)).argmax() / len(played) * 16_000
        assert pitch == pytest.approx(440 * speed, abs=2)
        lengths.add(len(played))
    assert len(lengths) > 15
    np.testing.assert_allclose(acoustics.at_speed(rng, tone, 0), tone[:-1], atol=1e-3)
