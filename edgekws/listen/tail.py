"""How often scores reach a threshold, also one that none of them reached.

Hours of sound without words show a rate as low as one false accept in all these hours. A lower one follows from how
scores thin out towards the highest. Here the log odds of the highest scores exceed the first score below them as an
exponential distribution does, which is the usual assumption for peaks over a threshold. What a few excesses tell of
its mean is uncertain; averaged over that, a rate falls as a power of the distance (a Lomax distribution).
"""

from __future__ import annotations

import numpy as np

HIGHEST = 20  # scores that a tail is fitted to


def log_odds(sums: np.ndarray, results: int) -> np.ndarray:
    """The log odds of averages, float64, from the sums of ``results`` scores, which count from 0 to 256. Finite also
    for 0 and ``results * 256``."""
    return np.log((sums + 0.5) / (256 * results + 0.5 - sums))


def peaks(sums: np.ndarray, results: int, minimum: int, apart: int) -> np.ndarray:
    """The log odds (n,) that a class reaches in a stream, one for each time that it rises.

    Args:
        sums: int64 (results of the stream,), of the class's last ``results`` scores.
        minimum: how many results in a row must reach a threshold.
        apart: two peaks are more than so many results apart.
    """
    if not len(sums):
        return np.zeros(0)
    low = np.min([sums[i : len(sums) - minimum + 1 + i] for i in range(minimum)], axis=0)
    around = np.pad(low, apart, constant_values=-1)
    near = np.lib.stride_tricks.sliding_window_view(around, 2 * apart + 1)
    first = (low > near[:, :apart].max(axis=1, initial=-1)) & (low >= near[:, apart:].max(axis=1))
    return log_odds(low[first & (low > 0)], results)


def rate(peaks: np.ndarray, hours: float, at: np.ndarray) -> np.ndarray:
    """How many peaks an hour are expected to reach each of ``at``, log odds (n,), in other sound of the same kind.

    Up to the highest ``HIGHEST`` peaks this is their count in these ``hours``; beyond it is extrapolated.
    """
    ordered = np.sort(peaks)
    count = min(HIGHEST, len(ordered) - 1)
    reached = (len(ordered) - np.searchsorted(ordered, at)) / hours
    if count < 1:
        return reached
    base = ordered[-count - 1]
    excess = max(float((ordered[-count:] - base).sum()), 1e-9)
    beyond = count / hours * (excess / (excess + np.maximum(at - base, 0))) ** count
    return np.where(at > base, beyond, reached)
