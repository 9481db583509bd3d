"""Decoded blocks to 16-bit mono at 16 kHz: rates, clipping, scale, channels."""

import numpy as np
import pytest

from edgekws.audio import Faults
from edgekws.audio.convert import Converter, clipped


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
