"""Words in recordings, by the int8 model in LiteRT; TensorFlow is not needed.

A recording that is no longer than a window (one second for most models) is one window, in the middle of zeros. In a
longer recording windows overlap by half, and the last one ends where the recording ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekws import audio
from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.model import front_end, litert


@dataclass(frozen=True)
class Result:
    """The scores of one window; ``seconds`` is where it begins."""

    seconds: float
    scores: tuple[tuple[str, float], ...]  # word and probability, best first; empty where there is no sound


class Classifier:
    """The bytes of an int8 model with its labels, and how it hears samples; ``name`` is what errors call it."""

    def __init__(self, content: bytes, labels: Sequence[str], hears: front_end.Input, name: str = "the model") -> None:
        self.labels, self.hears = tuple(labels), hears
        self._runner = litert.Runner(content, name=name)
        self.window = self._runner.samples

    def scores(self, window: np.ndarray) -> np.ndarray:
        """Probabilities float32 (classes,) of int16 (window,) samples at 16 kHz, with nothing before them."""
        return self._scores(front_end.codes(window, self.hears))

    def classify(self, samples: np.ndarray) -> list[Result]:
        """The results of a recording's windows, int16 (n,) at 16 kHz; it goes through the front end as one stream."""
        whole = samples if len(samples) > self.window else audio.fit(samples, self.window)
        codes, results = front_end.codes(whole, self.hears), []
        for start in starts(len(codes), self.window):
            ranked: list[tuple[str, float]] = []
            if not audio.is_silent(samples[start : start + self.window]):
                scores = self._scores(codes[start : start + self.window])
                ranked = sorted(zip(self.labels, scores.tolist(), strict=True), key=lambda pair: -pair[1])
            results.append(Result(start / SAMPLE_RATE, tuple(ranked)))
        return results

    def _scores(self, codes: np.ndarray) -> np.ndarray:
        return (self._runner.run(codes).astype(np.float32) + 128) / 256


def starts(length: int, window: int = CLIP_SAMPLES) -> Sequence[int]:
    """Where the windows of a recording of ``length`` samples begin."""
    if length <= window:
        return (0,)
    last = length - window
    return (*range(0, last, window // 2), last)
