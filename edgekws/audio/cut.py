"""Where in a longer recording its speech is."""

from __future__ import annotations

import numpy as np

from edgekws.audio.convert import SAMPLE_RATE

_FRAME = SAMPLE_RATE // 100  # 10 ms
_QUIET_SHARE = 0.2  # of the frames is taken for background
_OVER_BACKGROUND = 4.0  # times its energy is sound: 6 dB
_ENDS = 0.01  # of the loudest second's energy, before and after which there is no more word
_LOST = 0.05  # of all sound's energy outside the cut, from which on speech may be lost


def speech(samples: np.ndarray, length: int) -> tuple[int, bool]:
    """Where to cut ``length`` samples out of more of them, int16 (n,), and whether speech may be lost.

    The loudest stretch of this length is looked for, by the energy of 10 ms frames that are 6 dB over the background
    (the quietest fifth of them). What sounds in it, but for 1 % of its energy at either end, is put into the middle.
    Where nothing sounds it is the middle of all.
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
    """Where the loudest sound of up to ``most`` samples in int16 (n,) begins and ends; nothing sounds: the whole."""
    energy = _sound(samples)
    return _extent(energy, most) if energy.any() else (0, len(samples))


def _extent(energy: np.ndarray, length: int) -> tuple[int, int]:
    """The same by the energy of 10 ms frames: what sounds in the loudest stretch but for 1 % at either end."""
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
    """Energy of each 10 ms, float64 (frames,), of what is over the background; 0 elsewhere."""
    whole = samples[: len(samples) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    energy = np.square(whole - whole.mean()).sum(axis=1)
    background = np.quantile(energy, _QUIET_SHARE)
    return np.where(energy > _OVER_BACKGROUND * background, energy, 0.0)
