"""From clips to what the network sees: coded as NumPy codes, and augmentation that does what its settings say."""

from dataclasses import replace

import numpy as np
import pytest

from edgekws.model import coding, front_end
from edgekws.recipe import Augment, Model

keras = pytest.importorskip("keras")
from edgekws.train import augment  # noqa: E402
from edgekws.train.augment import Front, noise_windows  # noqa: E402

OFF = Augment(shift_ms=0.0, gain_db=0.0, noise_probability=0.0)
PLAIN = Model(coding="linear")
SILENCE = np.zeros((0, 16_000), np.int16)


def clips(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32_768, 32_768, (count, 16_000)).astype(np.int16)


def augmented(front: Front, samples: np.ndarray) -> np.ndarray:
    """float32 (n, 16000), before the coding."""
    return np.asarray(front._changed(samples, front._drawn(len(samples)))[0])


def seen(front: Front, samples: np.ndarray, training: bool) -> np.ndarray:
    """Codes (n, 16000)."""
    return np.asarray(front(samples, training=training)).reshape(samples.shape) * 128


@pytest.mark.parametrize("level_control", [False, True])
@pytest.mark.parametrize("name", coding.CODINGS)
def test_it_is_the_front_end_and_the_coding_in_integers_but_for_a_unit_of_rounding(name, level_control):
    heard = Model(coding=name, level_control=level_control)
    x = clips(6) // np.array([1, 3, 10, 30, 100, 1_000])[:, None] + np.arange(0, 3_000, 500)[:, None]
    x = (x * np.linspace(0.1, 1, 16_000)).astype(np.int16)
    x[0, :4] = -32_768, 32_767, 0, -1
    front = Front(OFF, heard, SILENCE, 1)
    coded = np.asarray(front(x))
    assert coded.shape == (6, 1, 16_000, 1)
    wave = np.asarray(front._front_end(x.astype(np.float32)))
    expected = front_end.process(x, level_control)
    # gains are whole numbers over 4096; a mean may round to the other side, and one unit then grows by the gain
    off = np.maximum(np.abs(wave - expected) - np.abs(expected) / 1_000, 0)
    assert off.max() <= (65 if level_control else 1)
    assert (off <= (1 if level_control else 0)).mean() > 0.98
    codes = coded[:, 0, :, 0] * 128
    assert np.abs(codes - front_end.codes(x, heard)).max() <= 2
    assert (codes == front_end.codes(x, heard)).mean() > 0.95


@pytest.mark.parametrize("name", coding.CODINGS)
def test_without_augmentation_training_sees_what_evaluation_sees(name):
    front, x = Front(OFF, Model(coding=name), SILENCE, 1), clips(3)
    np.testing.assert_array_equal(seen(front, x, True), seen(front, x, False))


def test_every_sample_is_coded_as_numpy_codes_it():
    every = np.arange(-32_768, 32_768).astype(np.float32)[None]
    for name in coding.CODINGS:
        coded = np.asarray(Front(OFF, Model(coding=name), SILENCE, 1)._coded(every))
        np.testing.assert_array_equal(coded[0] * 128, coding.table(name))


def test_level_control_has_heard_something_before_half_of_the_clips():
    x = np.repeat(clips(1) // 100, 400, 0)
    x[:, :160] //= 8  # what comes before a clip is at least as loud as its first block
    front = Front(OFF, Model(level_control=True), SILENCE, 1)
    heard = np.asarray(front._front_end(x.astype(np.float32), front._drawn(len(x))))
    alone = np.asarray(front._front_end(x[:1].astype(np.float32)))
    gain = np.abs(heard[:, :160]).max(1) / np.abs(alone[:, :160]).max()
    assert 0.4 < (gain > 0.99).mean() < 0.6
    decibels = 20 * np.log10(gain[gain < 0.99])
    assert decibels.max() <= 0
    loudest = 20 * np.log10(256 / np.abs(x).max()) - augment.HEADROOM_DB
    assert loudest - 1 < decibels.min() < loudest + 3  # from the floor of 256 to 12 dB above the clip
    assert np.ptp(decibels) > 10


def test_an_envelope_is_the_recurrence_block_by_block():
    peaks = np.random.default_rng(0).exponential(2_000, (5, 100)).astype(np.float32)
    drawn = {"heard_before": np.array([[0.1], [0.2], [0.6], [0.7], [0.9]], np.float32)}
    drawn |= {"level_before": np.linspace(0, 1, 5, dtype=np.float32)[:, None]}
    found = np.asarray(augment._envelope(peaks, drawn))
    quietest, loudest = np.maximum(peaks[:, 0], 256), 10 ** (12 / 20) * peaks.max(1)
    before = quietest * (loudest / quietest) ** drawn["level_before"][:, 0] * (drawn["heard_before"][:, 0] >= 0.5)
    for i in range(100):
        before = np.maximum(before * 127 / 128, np.maximum(peaks[:, i], 256))
        np.testing.assert_allclose(found[:, i], before, rtol=1e-4)


def test_shift_moves_whole_clips_and_fills_with_zeros():
    x = np.full((64, 16_000), 12_800, np.int16)
    wave = augmented(Front(Augment(100.0, 0.0, 0.0), PLAIN, SILENCE, 1), x)
    assert set(np.unique(wave)) == {0, 12_800}
    missing = (wave == 0).sum(1)
    assert missing.max() <= 1600
    assert len(set(missing)) > 30
    left, right = (wave[:, 0] == 0).sum(), (wave[:, -1] == 0).sum()
    assert left > 10
    assert right > 10
    starts = np.abs(np.diff((wave > 0).astype(int), axis=1)).sum(1)
    assert starts.max() <= 1  # one edge: nothing wraps around


def test_speed_changes_every_frequency_by_its_percent_about_the_middle():
    t = (np.arange(16_000) - 8_000) / 16_000
    x = np.repeat([8_000 * np.cos(2 * np.pi * 500 * t)], 128, 0).astype(np.int16)
    settings = Augment(0.0, 0.0, 0.0, speed_percent=10.0)
    wave = augmented(Front(settings, PLAIN, SILENCE, 1), x)
    heard = np.abs(np.fft.rfft(wave[:, 2_000:14_000] * np.hanning(12_000))).argmax(1) * 16_000 / 12_000
    assert 448 <= heard.min() < 465
    assert 535 < heard.max() <= 552
    np.testing.assert_allclose(wave[:, 8_000], 8_000, atol=1)  # the middle stays where it is
    shifted = augmented(Front(Augment(50.0, 0.0, 0.0, speed_percent=10.0), PLAIN, SILENCE, 1), x)
    assert np.unique(shifted[:, 8_000].round()).size > 30


def test_gain_stays_within_its_decibels():
    x = np.full((256, 16_000), 8_000, np.int16)
    decibels = 20 * np.log10(augmented(Front(Augment(0.0, 6.0, 0.0), PLAIN, SILENCE, 1), x)[:, 0] / 8_000)
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
    drawn = Front(Augment(0.0, 0.0, 0.0, equalizer_db=12.0), PLAIN, SILENCE, 1)._drawn(64)["octave_db"]
    drawn = np.asarray(drawn)
    assert drawn.shape == (64, augment.OCTAVES)
    assert -12 <= drawn.min(0).max() < -9
    assert 9 < drawn.max(0).min() <= 12


def test_each_clip_is_equalized_by_its_own_draw():
    x = np.repeat(clips(1) // 8, 8, 0)
    wave = augmented(Front(Augment(0.0, 0.0, 0.0, equalizer_db=12.0), PLAIN, SILENCE, 1), x)
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
    x = np.full((1_024, 16_000), 8_000, np.int16)
    wave = augmented(Front(Augment(0.0, 0.0, 0.0, mask_ms=100.0), PLAIN, SILENCE, 1), x)
    assert set(np.unique(wave)) == {0, 8_000}
    silent = (wave == 0).sum(1)
    assert silent.max() <= 1_601
    assert len(set(silent)) > 150
    assert np.abs(np.diff((wave == 0).astype(int), axis=1)).sum(1).max() <= 2
    assert (wave == 0).any(0).mean() > 0.99  # anywhere


def test_noise_comes_at_the_drawn_ratio_and_share():
    x = clips(400) // 4
    noise = noise_windows([np.random.default_rng(1).normal(0, 3_000, 48_000).astype(np.int16)])
    wave = augmented(Front(Augment(0.0, 0.0, 0.25, 10.0, 10.0), PLAIN, noise, 1), x)
    added = wave - x
    noisy = np.abs(added).max(1) > 0
    assert 0.15 < noisy.mean() < 0.35
    power = np.square(x[noisy].astype(float)).mean(1) / np.square(added[noisy]).mean(1)
    np.testing.assert_allclose(10 * np.log10(power), 10.0, atol=0.1)


def test_a_share_of_the_clips_is_in_a_room_at_the_same_level():
    rooms = np.zeros((3, 9_600), np.float32)
    rooms[0, 0], rooms[1, 4_000], rooms[2, [16, 9_000]] = 1, 1, 0.7  # nothing, a delay, two echoes
    x = clips(400)
    front = Front(Augment(0.0, 0.0, 0.0, room_probability=0.6), PLAIN, SILENCE, 1, rooms)
    drawn = front._drawn(len(x))
    wave, room = np.asarray(front._changed(x, drawn)[0]), np.asarray(drawn["room"]).astype(int)[:, 0]
    inside = np.asarray(drawn["in_room"])[:, 0] < 0.6
    assert 0.5 < inside.mean() < 0.7
    assert set(room) == {0, 1, 2}
    assert np.array_equal(wave[~inside], x[~inside])
    for i in np.flatnonzero(inside)[:40]:
        expected = np.convolve(x[i].astype(float), rooms[room[i]])[:16_000]
        expected *= np.sqrt(np.mean(x[i].astype(float) ** 2) / np.mean(expected**2))
        np.testing.assert_allclose(wave[i], expected, rtol=1e-3, atol=2)


def test_beside_it_gives_the_same_clips_without_their_rooms():
    settings = Augment(100.0, 10.0, 0.6, 5.0, 30.0, speed_percent=12.0, equalizer_db=6.0, room_probability=0.5)
    dry_settings = replace(settings, room_probability=1e-9)
    x, noise = clips(40) // 8, clips(5, seed=1)
    rooms = np.random.default_rng(2).normal(0, 0.02, (4, 9_600)).astype(np.float32)
    heard, dry = Front(settings, PLAIN, noise, 1, rooms, with_dry=True)(x, training=True)
    np.testing.assert_array_equal(heard, Front(settings, PLAIN, noise, 1, rooms)(x, training=True))
    assert np.abs(dry - np.asarray(Front(dry_settings, PLAIN, noise, 1, rooms)(x, training=True))).max() <= 1 / 128
    inside = (np.asarray(heard) != np.asarray(dry)).mean(axis=(1, 2, 3)) > 0.1
    assert 0.2 < inside.mean() < 0.8
    heard, dry = Front(replace(settings, room_probability=0.0), PLAIN, noise, 1, with_dry=True)(x, training=True)
    np.testing.assert_array_equal(heard, dry)  # no rooms
    for evaluated in Front(settings, PLAIN, noise, 1, rooms, with_dry=True)(x, training=False):
        np.testing.assert_array_equal(evaluated, Front(OFF, PLAIN, SILENCE, 1)(x, training=False))


def test_without_a_probability_there_is_no_room():
    rooms = np.ones((3, 9_600), np.float32)
    assert "room" not in Front(OFF, PLAIN, SILENCE, 1)._drawn(4)
    wave = augmented(Front(OFF, PLAIN, SILENCE, 1, rooms), x := clips(20))
    assert np.array_equal(wave, x)


def test_noise_windows_overlap_and_short_noises_give_none():
    assert noise_windows([]).shape == (0, 16_000)
    assert noise_windows([np.zeros(15_999, np.int16)]).shape == (0, 16_000)
    ramp = np.arange(24_000, dtype=np.int16)
    windows = noise_windows([ramp])
    assert windows.shape == (3, 16_000)
    assert windows[1, 0] == 4_000


@pytest.mark.parametrize("level_control", [False, True])
def test_compiled_it_draws_and_gives_what_it_does_uncompiled(level_control):
    settings = Augment(
        100.0, 10.0, 0.6, 5.0, 30.0, speed_percent=12.0, equalizer_db=6.0, room_probability=0.5, mask_ms=100.0
    )
    x, noise = clips(16) // 8, clips(5, seed=1)
    rooms = np.random.default_rng(2).normal(0, 0.02, (4, 9_600)).astype(np.float32)
    compiled, plain = (Front(settings, Model(level_control=level_control), noise, 1, rooms) for _ in range(2))
    for _ in range(2):
        heard = np.asarray(compiled(x, training=True))
        wanted = np.asarray(plain._changed_and_coded(x, plain._drawn(len(x)))[0]).reshape(heard.shape)
        assert np.abs(heard - wanted).max() <= 1 / 128  # a sample at the border of two codes
        assert (heard != wanted).mean() < 0.01  # white noise between samples, at places that float32 rounds
        x = x[::-1].copy()
