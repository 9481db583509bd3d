"""Accuracy with its uncertainty, agreement, rejection and confusion. Needs only NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from edgekws.corpus.clips import rejects

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution
THRESHOLDS = (0.5, 0.7, 0.9)  # of the best word's probability, for models without a class of no word


@dataclass(frozen=True)
class Proportion:
    """``correct`` of ``total``, with the 95 % Wilson score interval (Wilson, JASA 22, 1927)."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        n, p = self.total, self.value
        centre = p + Z95**2 / (2 * n)
        half = Z95 * sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
        return max((centre - half) / (1 + Z95**2 / n), 0.0), min((centre + half) / (1 + Z95**2 / n), 1.0)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4f} [{low:.4f}, {high:.4f}] ({self.correct}/{self.total})"


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of A minus accuracy of B on the same clips, as a fraction, with its 95 % interval.

    If only A gets b clips right and only B gets c, then d = (b - c) / n, and its variance is
    (b + c - (b - c)^2 / n) / n^2 (Agresti, Categorical Data Analysis, 2nd ed., section 10.1.1).
    """

    only_a: int
    only_b: int
    total: int

    @property
    def value(self) -> float:
        return (self.only_a - self.only_b) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        n, b, c = self.total, self.only_a, self.only_b
        half = Z95 * sqrt(max(b + c - (b - c) ** 2 / n, 0.0)) / n
        return self.value - half, self.value + half


def accuracy(scores: np.ndarray, labels: np.ndarray) -> Proportion:
    """How often the top score (n, classes) is the label (n,)."""
    return Proportion(int(np.sum(scores.argmax(1) == labels)), len(labels))


def agreement(a: np.ndarray, b: np.ndarray) -> Proportion:
    """How often two models' scores (n, classes) have the same top word."""
    return Proportion(int(np.sum(a.argmax(1) == b.argmax(1))), len(a))


def paired_difference(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> PairedDifference:
    """Accuracy of scores ``a`` minus accuracy of scores ``b`` (n, classes) on the same labels (n,)."""
    right_a, right_b = a.argmax(1) == labels, b.argmax(1) == labels
    return PairedDifference(int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a)), len(labels))


@cache
def poisson_interval(count: int) -> tuple[float, float]:
    """The 95 % interval of the mean of a count. It is exact (Garwood, Biometrika 28, 1936); from 200 on it uses the
    cube root of Wilson and Hilferty (PNAS 17, 1931), whose error is below 1e-5 of the mean."""
    if count >= 200:
        return _cube_root(count, -Z95), _cube_root(count + 1, Z95)
    return (_poisson_mean(count - 1, 0.975) if count else 0.0), _poisson_mean(count, 0.025)


def _cube_root(count: int, z: float) -> float:
    return count * (1 - 1 / (9 * count) + z / (3 * sqrt(count))) ** 3


def _poisson_mean(count: int, share: float) -> float:
    """The mean for which ``share`` of all counts are at most ``count``, by bisection."""
    k = np.arange(count + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(k[1:]))])
    low, high = 0.0, count + 10 * sqrt(count + 1) + 10
    for _ in range(100):
        mean = (low + high) / 2
        if np.exp(k * np.log(mean) - mean - log_factorial).sum() > share:
            low = mean
        else:
            high = mean
    return high


def rejection(scores: np.ndarray, labels: np.ndarray, words: Sequence[str]) -> dict[str, Any]:
    """What it costs to tell words from everything else, by the classes that begin with _, or by a threshold instead.

    Scores are probabilities (n, classes). In the result, ``rules`` has for each way to reject: how many of the words'
    clips are still heard right, the paired difference to choosing only among the words, and how many of the other
    clips, if there are any, are taken for no word.
    """
    others = [i for i, word in enumerate(words) if rejects(word)]
    known = len(words) - len(others)
    spoken = labels < known
    alone = np.where(np.arange(len(words)) < known, scores, -1.0)
    # the best word's share among the words; without classes of no word its score, as in edgekws classify --reject
    share = alone.max(axis=1) / (np.maximum(scores[:, :known].sum(axis=1), 1e-9) if others else 1.0)
    ways = [("no rejection", alone)]
    if len(others) > 1:
        ways += [
            (f"class {words[i]} alone", np.where(np.isin(np.arange(len(words)), [*range(known), i]), scores, -1.0))
            for i in others
        ]
    if others:
        ways.append((f"{'classes' if len(others) > 1 else 'class'} {' and '.join(words[i] for i in others)}", scores))
    for threshold in THRESHOLDS:
        # an extra column, which wins if the best word is below the threshold
        under = np.where(share < threshold, 2.0, -2.0)[:, None]
        title = f"threshold {threshold:g} among the words" if others else f"threshold {threshold:g}"
        ways.append((title, np.concatenate([alone, under], axis=1)))
    rules = []
    for title, ruled in ways:
        difference = paired_difference(ruled[spoken], alone[spoken], labels[spoken])
        kept_quiet = {
            words[i]: Proportion(int(np.sum(ruled[labels == i].argmax(1) >= known)), int(np.sum(labels == i)))
            for i in others
        }
        rules.append({
            "title": title,
            "words": counted(accuracy(ruled[spoken], labels[spoken])),
            "cost": compared(difference),
            "rejected": {word: counted(p) for word, p in kept_quiet.items()},
        })  # fmt: skip
    return {"classes": [words[i] for i in others], "rules": rules}


def counted(p: Proportion) -> dict[str, Any]:
    """A proportion as a dictionary for report.json."""
    return {"accuracy": p.value, "interval": list(p.interval), "correct": p.correct, "total": p.total}


def compared(difference: PairedDifference) -> dict[str, Any]:
    """A paired difference as a dictionary for report.json."""
    return {"value": difference.value, "interval": list(difference.interval)}


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts, int64 (classes, classes). The row is the word spoken, the column the word heard."""
    classes = scores.shape[1]
    return np.bincount(labels * classes + scores.argmax(1), minlength=classes**2).reshape(classes, classes)
