"""Finds events in a stream: blocks of samples → scores every hop → events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.listen.detector import Detector, Settings

Push = Callable[[np.ndarray], np.ndarray]  # int16 (n,) → int8 (results, classes), a result every hop


@dataclass(frozen=True)
class Event:
    """A word that was heard. ``time``: seconds from the start of the stream to the middle of the word. ``score``: its
    averaged probability, 0 to 1."""

    time: float
    word: str
    score: float


@dataclass(frozen=True)
class Progress:
    """The state of a stream after a block: its seconds so far, the block's level (0 to 1), and the best word now.

    ``nearest`` is the word that came nearest to its threshold since the start, detected or not; None before the first
    result.
    """

    seconds: float
    level: float
    word: str
    score: float
    nearest: Event | None = None


def listen(
    blocks: Iterable[np.ndarray], push: Push, settings: Settings, labels: tuple[str, ...], lead: int = 0
) -> Iterator[Event | Progress]:
    """Yield every event as soon as it is known, and a ``Progress`` after each block of samples.

    Result k covers the window that ends at sample window + k * hop. The middle of a word is ``settings.delay`` samples
    before the end of the window that detected it. Times count from sample ``lead``.
    """
    detector = Detector(settings)
    heard, results = -lead, 0
    word, score = labels[0], 0.0
    nearest, most = None, 0.0
    for block in blocks:
        heard += len(block)
        for scores in push(block):
            end = settings.window + results * settings.hop - lead
            results += 1
            best = int(scores.argmax())
            word, score = labels[best], (int(scores[best]) + 128) / 256
            found, time = detector.push(scores), max(end - settings.delay, 0) / SAMPLE_RATE
            if found >= 0:
                yield Event(time, labels[found], detector.average(found))
            near, part = detector.nearest()
            if part > most:
                nearest, most = Event(time, labels[near], detector.average(near)), part
        level = float(np.abs(block.astype(np.int32)).max(initial=0)) / 32_768
        yield Progress(max(heard, 0) / SAMPLE_RATE, level, word, score, nearest)


def within_quiet(blocks: Iterable[np.ndarray], settings: Settings) -> Iterator[np.ndarray]:
    """The blocks of a recording with enough quiet before and after it to detect a word at either end."""
    yield np.zeros(settings.delay, np.int16)
    yield from blocks
    yield np.zeros(settings.delay, np.int16)
