"""Mixup: mixes each clip of a batch with another one, and its target with the other's in the same shares."""

from __future__ import annotations

import numpy as np

from edgekws.audio import to_int16


def mixed(
    samples: np.ndarray, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``s x1 + (1 - s) x2`` of clips, int16 (batch, n), and targets, float32 (batch, classes), with s from Beta(alpha,
    alpha): mixup (Zhang et al., arXiv:1710.09412).

    As in Tokozume et al. (arXiv:1711.10282), both clips first get the same level, or only the louder one would be
    heard. The sum gets the level of the first.
    """
    partner = rng.permutation(len(samples))
    share = rng.beta(alpha, alpha, (len(samples), 1)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    first = samples.astype(np.float32)
    level = np.sqrt(np.mean(np.square(first), axis=1, keepdims=True)) + 1
    sound = share * first + (1 - share) * (level / level[partner]) * first[partner]
    scale = level / (np.sqrt(np.mean(np.square(sound), axis=1, keepdims=True)) + 1)
    return to_int16(sound * scale, 1), share * targets + (1 - share) * targets[partner]
