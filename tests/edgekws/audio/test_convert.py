"""Decoded blocks to 16-bit mono at 16 kHz: rates, clipping, scale, channels."""

import numpy as np
import pytest

from edgekws.audio import Faults
from edgekws.audio.convert import Converter, clipped, full_scale, settled


def test_time_does_not_drift_over_a_long_stream():
    """An hour at 44.1 kHz in blocks of an odd size: to the sample."""
    converter, total = Converter(44_100, Faults()), 0
    block = np.zeros((44_100 * 7 + 13, 1), np.float32)
    count = 3600 * 44_100 // len(block)
    for i in range(count):
        total += len(converter.convert(block, last=i == count - 1))
    assert abs(total - count * len(block) * 16_000 / 44_100) <= 1


def test_faults_are_counted_and_listening_goes_on():
    faults = Faults()
    block = np.array([[0.5], [np.nan], [np.inf], [1.0], [1.5], [-2.0]], np.float32)
    assert Converter(16_000, faults).convert(block).tolist() == [16_384, 0, 0, 32_767, 32_767, -32_768]
    assert (faults.not_finite, faults.clipped) == (2, 2)
    assert len(faults.lines(Faults())) == 2
    assert faults.lines(faults) == []


@pytest.mark.parametrize(
    ("sound", "told"),
    [
        ([0.5, 1.0, 0.5], [0, 0, 0]),  # a peak at full scale
        ([0.5, 1.5, -2.0], [0, 1, 1]),  # beyond it
        ([1.0, 1.0, 0.0, 1.0], [0, 0, 0, 0]),
        ([0.0, *[32_767 / 32_768] * 3, 0.0], [0, 0, 0, 1, 0]),  # as 16 bits give it
        ([-1.0] * 4 + [0.0], [0, 0, 1, 1, 0]),
        ([32_124 / 32_768] * 3, [0, 0, 1]),  # as mu-law gives it
        ([0.97] * 3, [0, 0, 0]),
        ([0.99, 0.985, 0.98], [0, 0, 0]),  # a round peak
    ],
)
def test_sound_that_stays_near_full_scale_is_clipped(sound, told):
    assert clipped(np.array(sound, np.float32)[:, None]).tolist() == [bool(one) for one in told]


@pytest.mark.parametrize("channel", [0, 1])
def test_one_clipped_channel_is_told(channel):
    frames = np.zeros((10, 2), np.float32)
    frames[2:8, channel] = -1.0
    assert clipped(frames).sum() == 4


def test_clipping_is_counted_across_blocks():
    faults = Faults()
    converter, sound = Converter(16_000, faults), np.ones((12, 1), np.float32)
    for size in (1, 2, 3, 6):
        converter.convert(sound[:size])
    assert faults.clipped == 10


def test_enormous_samples_are_clipped_before_they_are_resampled():
    faults = Faults()
    sound = Converter(44_100, faults).convert(np.full((4410, 1), 3e38, np.float32), last=True)
    assert faults.clipped == 4410
    assert sound[800] > 30_000


SOUND = np.random.default_rng(0).integers(-9000, 9000, 48_000).astype(np.float32) / np.float32(32_768)


def in_blocks(samples, size=8_000):
    return [samples[at : at + size] for at in range(0, len(samples), size)]


def mono(samples, floats=False, ahead=2**18):
    """What is kept of (n, channels), and the faults."""
    faults = Faults()
    kept = np.concatenate(list(settled(in_blocks(samples), floats, ahead, faults)))
    return kept.mean(axis=1), faults


@pytest.mark.parametrize("share", [-1.0, -0.9, -0.75])
@pytest.mark.parametrize("quiet", [0, 20_000])
def test_channels_that_cancel_give_the_loudest_one(share, quiet):
    """19: also where the recording begins with the noise of both, which does not cancel."""
    stereo = np.stack([SOUND, share * SOUND], 1)
    stereo[:quiet] = 1e-3 * np.random.default_rng(1).standard_normal((quiet, 2))
    kept, faults = mono(stereo)
    assert np.array_equal(kept, stereo[:, 0])
    assert (faults.one_channel, faults.mixed_down) == (1, 0)
    assert "cancel each other" in " ".join(faults.lines(Faults()))


def test_channels_are_judged_as_they_come_where_nothing_may_be_held_back():
    kept, faults = mono(np.stack([SOUND, -SOUND], 1), ahead=0)
    assert np.array_equal(kept, SOUND)
    assert faults.one_channel == 1


@pytest.mark.parametrize("other", [SOUND, 0 * SOUND, np.roll(SOUND, 7), 0.3 * SOUND, -0.3 * SOUND])
def test_other_channels_are_averaged(other):
    kept, faults = mono(np.stack([SOUND, other], 1))
    np.testing.assert_allclose(kept, (SOUND + other) / 2, atol=1e-6)
    assert (faults.one_channel, faults.mixed_down) == (0, 1)


def test_one_microphone_of_sixteen_is_not_lost_in_the_mean():
    """The mean of sixteen channels of which one has sound is 24 dB quieter."""
    many = np.zeros((len(SOUND), 64), np.float32)
    many[:, 5] = SOUND
    kept, faults = mono(many)
    assert np.array_equal(kept, SOUND)
    assert faults.one_channel == 1


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("resampled", [False, True])
def test_integers_saved_as_floats_are_scaled_and_told(bits, resampled):
    """19: also where they were resampled, so that they are no integers any more."""
    whole = np.rint(SOUND * 2 ** (bits - 1)) + (0.25 if resampled else 0)
    kept, faults = mono(whole.astype(np.float32)[:, None], floats=True)
    np.testing.assert_allclose(kept, SOUND, atol=1e-4)
    assert faults.rescaled == 1
    assert "integers saved as floats" in " ".join(faults.lines(Faults()))


@pytest.mark.parametrize(
    "samples", [SOUND, 4 * SOUND, 0 * SOUND, np.sign(SOUND), np.where(np.arange(48_000) == 9, np.float32(500), SOUND)]
)
def test_floats_are_no_integers(samples):
    """Loud ones, silence, a square wave, and one wild sample."""
    kept, faults = mono(samples[:, None], floats=True)
    assert np.array_equal(kept, samples)
    assert faults.rescaled == 0


def test_full_scale_is_the_smallest_that_fits():
    assert full_scale(np.array([[3.0], [-40.0]], np.float32)) == 2**15
    assert full_scale(np.array([[32_768.0]], np.float32)) == 2**15
    assert full_scale(np.array([[40_000.0]], np.float32)) == 2**23
    assert full_scale(np.array([[40_000.5], [20_000.5]], np.float32)) == 2**15, "resampling went beyond full scale"
    assert full_scale(np.array([[3e38], [2e38]], np.float32)) == 1
    assert full_scale(np.array([[np.nan], [np.inf], [0]], np.float32)) == 1
