"""Finds the speech in a longer recording."""

from __future__ import annotations

import numpy as np

from edgekws.audio.convert import SAMPLE_RATE

_FRAME = SAMPLE_RATE // 100  # 10 ms
_QUIET_SHARE = 0.2  # this share of the frames, the quietest, is background
_OVER_BACKGROUND = 4.0  # a frame with so many times the background's energy is sound: 6 dB
_ENDS = 0.01  # share of the energy at each end that does not belong to the word
_LOST = 0.05  # speech may be lost if so much of the energy is outside the cut


def speech(samples: np.ndarray, length: int) -> tuple[int, bool]:
    """Where to cut ``length`` samples out of a longer recording, int16 (n,), and whether speech may be lost.

    It finds the loudest stretch of this length, by the energy of 10 ms frames that are 6 dB above the background, which
    is the quietest fifth of them. The sound in it, without 1 % of its energy at each end, goes into the middle of the
    cut. If nothing sounds, it cuts the middle of the recording.
    """
    energy = _sound(samples)
    if not energy.any():
        return (len(samples) - length) // 2, False
    first, last = _extent(energy, length)
    start = min(max((first + last) // 2 - length // 2, 0), len(samples) - length)
    passed = np.concatenate([[0.0], np.cumsum(energy)])
    kept = passed[min((start + length) // _FRAME, len(energy))] - passed[-(-start // _FRAME)]
    return start, bool(1 - kept / passed[-1] > _LOST)


def extent(samples: np.ndarray, most: int) -> tuple[int, int]:
    """Where the loudest sound of up to ``most`` samples in int16 (n,) begins and ends; if nothing sounds, the whole."""
    energy = _sound(samples)
    return _extent(energy, most) if energy.any() else (0, len(samples))


def _extent(energy: np.ndarray, length: int) -> tuple[int, int]:
    """The same in 10 ms frames, by their energy: the sound in the loudest stretch without 1 % at each end."""
    passed = np.concatenate([[0.0], np.cumsum(energy)])
    frames = min(length // _FRAME, len(energy))
    within = passed[frames:] - passed[:-frames]
    loudest = int(within.argmax())
    first, last = (
        int(np.searchsorted(passed, passed[loudest] + share * within[loudest], side="right")) - 1
        for share in (_ENDS, 1 - _ENDS)
    )
    return first * _FRAME, (last + 1) * _FRAME


def _sound(samples: np.ndarray) -> np.ndarray:
    """The energy of each 10 ms, float64 (frames,); 0 if it does not exceed the background."""
    whole = samples[: len(samples) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    energy = np.square(whole - whole.mean()).sum(axis=1)
    background = np.quantile(energy, _QUIET_SHARE)
    return np.where(energy > _OVER_BACKGROUND * background, energy, 0.0)
