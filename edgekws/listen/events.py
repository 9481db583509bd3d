"""Finds events in a stream: blocks of samples → scores every hop → events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.listen.detector import Detector, Settings

Push = Callable[[np.ndarray], np.ndarray]  # int16 (n,) → int8 (results, classes), a result every hop
_PIECE = SAMPLE_RATE // 10  # samples that one of several models hears before the next hears them


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


class Ear:
    """A model with its detector, which hears one block after the other.

    Result k covers the window that ends at sample window + k * hop. The middle of a word is ``settings.delay`` samples
    before the end of the window that detected it. Times count from sample ``lead``.
    """

    def __init__(self, push: Push, settings: Settings, labels: tuple[str, ...], lead: int = 0) -> None:
        self.detector, self.word, self.score = Detector(settings), labels[0], 0.0
        self.nearest: Event | None = None
        self._push, self._settings, self._labels, self._lead = push, settings, labels, lead
        self._results, self._most = 0, 0.0

    def take(self, block: np.ndarray) -> Iterator[Event]:
        """Hear a block, int16 (n,), and yield the events that it completes."""
        settings, labels, detector = self._settings, self._labels, self.detector
        for scores in self._push(block):
            end = settings.window + self._results * settings.hop - self._lead
            self._results += 1
            best = int(scores.argmax())
            self.word, self.score = labels[best], (int(scores[best]) + 128) / 256
            found, time = detector.push(scores), max(end - settings.delay, 0) / SAMPLE_RATE
            if found >= 0:
                yield Event(time, labels[found], detector.average(found))
            near, part = detector.nearest()
            if part > self._most:
                self.nearest, self._most = Event(time, labels[near], detector.average(near)), part


def listen(
    blocks: Iterable[np.ndarray],
    push: Push,
    settings: Settings,
    labels: tuple[str, ...],
    lead: int = 0,
    openers: Sequence[Ear] = (),
) -> Iterator[Event | Progress]:
    """Yield every event as soon as it is known, and a ``Progress`` after each block.

    lead: as for ``Ear``. openers: other models, whose events open the detector and are yielded too.
    """
    ear, heard = Ear(push, settings, labels, lead), -lead
    for block in evenly(blocks, _PIECE) if openers else blocks:
        heard += len(block)
        for opener in openers:
            for event in opener.take(block):
                ear.detector.open()
                yield event
        yield from ear.take(block)
        level = float(np.abs(block.astype(np.int32)).max(initial=0)) / 32_768
        yield Progress(max(heard, 0) / SAMPLE_RATE, level, ear.word, ear.score, ear.nearest)


def evenly(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of this length, the last one shorter, so that the original blocks do not matter."""
    waiting = np.zeros(0, np.int16)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        whole = len(waiting) // length * length
        yield from waiting[:whole].reshape(-1, length)
        waiting = waiting[whole:]
    if len(waiting):
        yield waiting


def within_quiet(blocks: Iterable[np.ndarray], settings: Settings) -> Iterator[np.ndarray]:
    """The blocks of a recording with enough quiet before and after it to detect a word at either end."""
    yield np.zeros(settings.delay, np.int16)
    yield from blocks
    yield np.zeros(settings.delay, np.int16)
