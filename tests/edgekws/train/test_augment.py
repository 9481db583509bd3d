"""The front end: coded exactly as NumPy codes, and augmentation that does what its settings say."""

import numpy as np
import pytest

from edgekws.model import coding
from edgekws.recipe import Augment

keras = pytest.importorskip("keras")
from edgekws.train import augment  # noqa: E402
from edgekws.train.augment import Front, noise_windows  # noqa: E402

OFF = Augment(shift_ms=0.0, gain_db=0.0, noise_probability=0.0)
SILENCE = np.zeros((0, 16_000), np.int16)


def clips(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32_768, 32_768, (count, 16_000)).astype(np.int16)


def augmented(front: Front, samples: np.ndarray) -> np.ndarray:
    """float32 (n, 16000), before the coding."""
    return np.asarray(front._changed(samples, front._drawn(len(samples))))


@pytest.mark.parametrize("name", coding.CODINGS)
@pytest.mark.parametrize("training", [False, True])
def test_without_augmentation_it_is_the_coding_alone(name, training):
    x = clips(3)
    x[0, :4] = -32_768, 32_767, 0, -1
    coded = np.asarray(Front(OFF, name, SILENCE, 1)(x, training=training))
    assert coded.shape == (3, 1, 16_000, 1)
    np.testing.assert_array_equal(coded[:, 0, :, 0] * 128, coding.encode(x, name))


def test_shift_moves_whole_clips_and_fills_with_zeros():
    x = np.full((64, 16_000), 12_800, np.int16)
    coded = np.asarray(Front(Augment(100.0, 0.0, 0.0), "linear", SILENCE, 1)(x, training=True))[:, 0, :, 0] * 128
    assert set(np.unique(coded)) == {0, 50}
    missing = (coded == 0).sum(1)
    assert missing.max() <= 1600
    assert len(set(missing)) > 30
    left, right = (coded[:, 0] == 0).sum(), (coded[:, -1] == 0).sum()
    assert left > 10
    assert right > 10
    starts = np.abs(np.diff((coded == 50).astype(int), axis=1)).sum(1)
    assert starts.max() <= 1  # one edge: nothing wraps around


def test_speed_changes_every_frequency_by_its_percent_about_the_middle():
    t = (np.arange(16_000) - 8_000) / 16_000
    x = np.repeat([8_000 * np.cos(2 * np.pi * 500 * t)], 128, 0).astype(np.int16)
    settings = Augment(0.0, 0.0, 0.0, speed_percent=10.0)
    wave = augmented(Front(settings, "linear", SILENCE, 1), x)
    heard = np.abs(np.fft.rfft(wave[:, 2_000:14_000] * np.hanning(12_000))).argmax(1) * 16_000 / 12_000
    assert 448 <= heard.min() < 465
    assert 535 < heard.max() <= 552
    np.testing.assert_allclose(wave[:, 8_000], 8_000, atol=1)  # the middle stays where it is
    shifted = augmented(Front(Augment(50.0, 0.0, 0.0, speed_percent=10.0), "linear", SILENCE, 1), x)
    assert np.unique(shifted[:, 8_000].round()).size > 30


def test_gain_stays_within_its_decibels():
    x = np.full((256, 16_000), 8_000, np.int16)
    coded = np.asarray(Front(Augment(0.0, 6.0, 0.0), "linear", SILENCE, 1)(x, training=True))[:, 0, 0, 0] * 128
    decibels = 20 * np.log10(coded * 256 / 8_000)
    assert -6.3 < decibels.min() < -4
    assert 4 < decibels.max() < 6.3


def test_equalizer_changes_each_octave_by_its_own_gain_at_the_same_level():
    t = np.arange(16_000) / 16_000
    tones = [(octave, np.sin(2 * np.pi * f * t)) for octave, f in ((6, 40), (4, 354), (2, 1_414), (0, 7_000))]
    wave = 2_000 * sum(tone for _, tone in tones)[None].astype(np.float32)
    flat = np.asarray(augment._equalized(wave, np.ones((1, augment.OCTAVES), np.float32)))
    np.testing.assert_allclose(flat, wave, rtol=1e-3, atol=0.1)
    for raised, _ in tones:
        gains = np.ones((1, augment.OCTAVES), np.float32)
        gains[0, raised] = 4.0
        heard = np.asarray(augment._equalized(wave, gains))[0]
        assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(wave**2)), rel=1e-3)
        share = {octave: abs(heard @ tone) / abs(wave[0] @ tone) for octave, tone in tones}
        assert max(share, key=share.__getitem__) == raised
        assert share[raised] / min(share.values()) > 2.2  # of 4: the octaves of Haar overlap


def test_equalizer_draws_every_octave_of_every_clip():
    drawn = Front(Augment(0.0, 0.0, 0.0, equalizer_db=12.0), "linear", SILENCE, 1)._drawn(64)["octave_db"]
    drawn = np.asarray(drawn)
    assert drawn.shape == (64, augment.OCTAVES)
    assert -12 <= drawn.min(0).max() < -9
    assert 9 < drawn.max(0).min() <= 12


def test_each_clip_is_equalized_by_its_own_draw():
    x = np.repeat(clips(1) // 8, 8, 0)
    wave = augmented(Front(Augment(0.0, 0.0, 0.0, equalizer_db=12.0), "linear", SILENCE, 1), x)
    power = np.square(np.abs(np.fft.rfft(wave, axis=1)))
    low = 10 * np.log10(power[:, :1000].sum(1) / power[:, 4000:].sum(1))
    assert low.max() - low.min() > 6
    np.testing.assert_allclose(np.std(wave, axis=1), np.std(x[0]), rtol=1e-3)


@pytest.mark.parametrize("level", [0, 1, 10])
def test_equalizer_keeps_the_level_of_quiet_clips(level):
    quiet = np.random.default_rng(3).normal(0, level, (1, 16_000)).astype(np.float32)
    heard = np.asarray(augment._equalized(quiet, np.full((1, augment.OCTAVES), 2.0, np.float32)))
    np.testing.assert_allclose(heard, quiet, atol=1e-3)


def test_equalizer_leaves_a_click_where_it_is():
    click = np.zeros((1, 16_000), np.float32)
    click[0, 8_000] = 1_000
    gains = np.full((1, augment.OCTAVES), 2.0, np.float32)
    gains[0, ::2] = 0.5
    heard = np.abs(np.asarray(augment._equalized(click, gains))[0])
    assert not heard[: 8_000 - 64].any()
    assert not heard[8_000 + 64 :].any()


def test_mask_silences_one_stretch_of_at_most_its_length():
    x = np.full((256, 16_000), 8_000, np.int16)
    wave = augmented(Front(Augment(0.0, 0.0, 0.0, mask_ms=100.0), "linear", SILENCE, 1), x)
    assert set(np.unique(wave)) == {0, 8_000}
    silent = (wave == 0).sum(1)
    assert silent.max() <= 1_601
    assert len(set(silent)) > 150
    assert np.abs(np.diff((wave == 0).astype(int), axis=1)).sum(1).max() <= 2
    assert (wave == 0).any(0).mean() > 0.99  # anywhere


def test_noise_comes_at_the_drawn_ratio_and_share():
    x = clips(400) // 4
    noise = noise_windows([np.random.default_rng(1).normal(0, 3_000, 48_000).astype(np.int16)])
    wave = augmented(Front(Augment(0.0, 0.0, 0.25, 10.0, 10.0), "linear", noise, 1), x)
    added = wave - x
    noisy = np.abs(added).max(1) > 0
    assert 0.15 < noisy.mean() < 0.35
    power = np.square(x[noisy].astype(float)).mean(1) / np.square(added[noisy]).mean(1)
    np.testing.assert_allclose(10 * np.log10(power), 10.0, atol=0.1)


def test_noise_windows_overlap_and_short_noises_give_none():
    assert noise_windows([]).shape == (0, 16_000)
    assert noise_windows([np.zeros(15_999, np.int16)]).shape == (0, 16_000)
    ramp = np.arange(24_000, dtype=np.int16)
    windows = noise_windows([ramp])
    assert windows.shape == (3, 16_000)
    assert windows[1, 0] == 4_000


def test_compiled_it_draws_and_gives_what_it_does_uncompiled():
    settings = Augment(100.0, 10.0, 0.6, 5.0, 30.0, speed_percent=12.0, equalizer_db=6.0, mask_ms=100.0)
    x, noise = clips(16) // 8, clips(5, seed=1)
    compiled, plain = (Front(settings, "linear", noise, 1) for _ in range(2))
    for _ in range(2):
        heard = np.asarray(compiled(x, training=True))
        wanted = np.asarray(plain._coded(augmented(plain, x))).reshape(heard.shape)
        assert np.abs(heard - wanted).max() <= 1 / 128  # a sample at the border of two codes
        assert (heard != wanted).mean() < 0.01  # white noise between samples, at places that float32 rounds
        x = x[::-1].copy()
