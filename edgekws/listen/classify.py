"""Scores recordings window by window with the int8 model in LiteRT. TensorFlow is not needed.

A window is the sound that the model hears at once: one second for most models. A shorter recording is one window, with
zeros around it. In a longer recording, windows overlap by half, and the last one ends with the recording.
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
    """The scores of one window, which begins at ``seconds``."""

    seconds: float
    scores: tuple[tuple[str, float], ...]  # (word, probability), best first; empty if there is no sound


class Classifier:
    """Scores windows with an int8 model, given as bytes, and its labels. Errors name it ``name``."""

    def __init__(self, content: bytes, labels: Sequence[str], hears: front_end.Input, name: str = "the model") -> None:
        self.labels, self.hears = tuple(labels), hears
        self._runner = litert.Runner(content, name=name)
        self.window = self._runner.samples

    def scores(self, window: np.ndarray) -> np.ndarray:
        """The probabilities, float32 (classes,), of one window of samples, int16 (window,) at 16 kHz."""
        return self._scores(front_end.codes(window, self.hears))

    def classify(self, samples: np.ndarray) -> list[Result]:
        """The results of all windows of a recording, int16 (n,) at 16 kHz, which passes the front end as one stream."""
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
