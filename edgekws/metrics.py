"""Accuracy with its uncertainty, confusion and recall; NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Proportion:
    """``correct`` of ``total`` with the 95 % Wilson score interval (Wilson, JASA 22, 1927)."""

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

    With b clips only A gets and c clips only B gets: d = (b - c) / n and its variance (b + c - (b - c)^2 / n) / n^2
    (Agresti, Categorical Data Analysis, 2nd ed., section 10.1.1).
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


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts, int64 (classes, classes): row the word spoken, column the word heard."""
    classes = scores.shape[1]
    return np.bincount(labels * classes + scores.argmax(1), minlength=classes**2).reshape(classes, classes)
