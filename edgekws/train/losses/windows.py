"""Averages the scores of several windows of a clip, as the detector averages results, so that the loss sees the mean.

A window in which the word is cut or drowned may then err, as long as the others make up for it.
"""

from __future__ import annotations

from typing import Any

from keras import ops

STEP = 4_000  # samples from one window to the next: 250 ms, two results of most networks


def around(windows: int) -> int:
    """The samples on either side of a clip that so many windows need, with the clip itself in the middle."""
    return (windows - 1) * STEP // 2


def averaged(network: Any, heard: Any, windows: int, **options: Any) -> Any:
    """The mean of the network's probabilities (batch, classes) in its windows of ``heard``, (batch, 1, window + 2
    around, 1). The network sees all windows as one batch."""
    if windows == 1:
        return network(heard, **options)
    length = heard.shape[2] - 2 * around(windows)
    places = [STEP * number for number in range(windows)]
    scores = network(ops.concatenate([heard[:, :, at : at + length] for at in places]), **options)
    return ops.mean(ops.reshape(ops.cast(scores, "float32"), (windows, -1, scores.shape[-1])), axis=0)
