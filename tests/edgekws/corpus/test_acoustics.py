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


def test_articulation_moves_parts_of_a_word_and_its_length_a_little():
    rng, clicks = np.random.default_rng(4), np.zeros(8_000, np.float32)
    clicks[1_000::2_000] = 1
    ratios, lengths = [], []
    for _ in range(40):
        said = acoustics.articulated(rng, clicks)
        assert said.dtype == np.float32
        places = np.array([1_000 * k + said[1_000 * k :][:1_000].argmax() for k in range(len(said) // 1_000)])
        heard = [int(place) for place in places if said[place] > 0.2]
        gaps = np.diff(heard)
        ratios.append(gaps.max() / gaps.min())
        lengths.append(len(said) / 8_000)
    assert 0.86 <= min(lengths) < 0.97 < 1.03 < max(lengths) <= 1.17
    assert 1.05 < max(ratios) < 1.4, "not every part by as much"


@pytest.mark.parametrize("length", [8_000, 16_000, 24_000])
def test_a_recording_has_the_word_in_a_room_at_some_level_over_noise(length):
    rng, word = np.random.default_rng(5), np.sin(np.arange(8_000) / 3).astype(np.float32)
    peaks, ends = [], []
    for _ in range(60):
        recording = acoustics.record(rng, word, length)
        assert recording.shape == (length,)
        assert np.isfinite(recording).all()
        peaks.append(20 * np.log10(np.abs(recording).max()))
        ends.append(float(np.sqrt(np.mean(recording[-800:] ** 2) / np.mean(recording**2))))
    assert -36 < min(peaks) < -15 < -5 < max(peaks) <= 4
    assert min(ends) < 0.2 or length == 8_000, "a word that ended is quiet"
    again = acoustics.record(np.random.default_rng(5), word, length)
    np.testing.assert_array_equal(again, acoustics.record(np.random.default_rng(5), word, length))


def test_rooms_fade_and_microphones_differ():
    rng = np.random.default_rng(6)
    rooms = [acoustics.room(rng) for _ in range(100)]
    late = [10 * np.log10(np.sum(room[4_800:] ** 2) / np.sum(room**2)) for room in rooms]
    assert min(late) < -40, "a dry room"
    assert -32 < max(late) < -12, "a hall"
    assert all(0.3 < abs(room[0]) <= 1.6 for room in rooms)
    gains = np.array([20 * np.log10(acoustics._microphone(rng, 512)[1:]) for _ in range(100)])
    assert 2 < gains[:, 64].std() < 12, "at 2 kHz"
    assert gains[:, 0].mean() < gains[:, 32].mean() - 3, "little bass"


def clarity(response: np.ndarray) -> float:
    """C50 (ISO 3382-1): energy of the first 50 ms against the rest, decibels."""
    return 10 * np.log10(np.sum(response[:800] ** 2) / np.sum(response[800:] ** 2))


def test_a_room_some_metres_away_is_as_clear_as_rooms_that_were_measured():
    rng = np.random.default_rng(8)
    far, near = ([clarity(make(rng)) for _ in range(200)] for make in (acoustics.far_room, acoustics.room))
    assert 6 < np.median(far) < 13  # basements, bedrooms, lecture rooms: -1 to 16 dB
    assert min(far) < 3
    assert np.median(near) > 20  # a microphone before the mouth
    direct = [10 * np.log10(r[0] ** 2 / np.sum(r[1:] ** 2)) for r in (acoustics.far_room(rng) for _ in range(100))]
    assert -14 < min(direct) < -8
    assert 6 < max(direct) < 12
