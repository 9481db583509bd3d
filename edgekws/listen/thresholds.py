"""Counts misses and false accepts of the detector for many thresholds at once.

Scores are computed once and stored. For each threshold, the events are exactly those of
``edgekws.listen.detector.Detector``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.clips import rejects
from edgekws.listen.detector import NEVER, Settings, releases, rise
from edgekws.listen.trials import Spoken

TOLERANCE = 3 * SAMPLE_RATE // 4  # a detection so near to a word's middle belongs to this word
LEVELS = np.array([*range(80, 224, 16), *range(224, 248, 4), *range(248, NEVER)])  # the thresholds to try


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of a stream, int8 (results, classes), and the words said in it."""

    kind: str
    snr_db: float | None
    seconds: float
    scores: np.ndarray
    said: tuple[Spoken, ...]
    allowed: np.ndarray | None = None  # bool (results, classes): where a word may be said, so hearing it is right


@dataclass(frozen=True, eq=False)
class Events:
    """The detections of K settings in one stream, in order of time: indices of result, settings and class."""

    result: np.ndarray  # int64 (n,)
    setting: np.ndarray  # int64 (n,)
    word: np.ndarray  # int64 (n,)


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts over streams, for each of K settings."""

    hits: np.ndarray  # (K, classes): words detected at least once
    said: np.ndarray  # (classes,): words said
    doubles: np.ndarray  # (K,): words detected more than once
    confused: np.ndarray  # (K,): detections of another word than the one said
    strays: np.ndarray  # (K, classes): detections where no word was said, which are false accepts
    delays: list[list[int]]  # for each of K, samples from a word's end to the end of the window that detected it

    @property
    def miss_rate(self) -> np.ndarray:
        """The share of all words that were missed, (K,)."""
        return 1 - self.hits.sum(1) / max(self.said.sum(), 1)


def sweep(scores: np.ndarray, settings: Settings, thresholds: np.ndarray) -> Events:
    """Every event in scores (results, classes), for each row of ``thresholds`` (K, classes) and the other settings."""
    sums = moving_sums(scores, settings.results)
    best = sums.argmax(axis=1)
    top, higher = sums[np.arange(len(sums)), best], raised(scores, settings)
    over = thresholds.astype(np.int64) * settings.results
    under = np.array([releases(row) for row in thresholds.tolist()], np.int64) * settings.results
    rows = np.arange(len(thresholds))
    held = np.full(len(rows), -1)
    run, quiet, left = (np.zeros(len(rows), np.int64) for _ in range(3))  # left: results in which words count
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    candidate, previous = -1, -1
    for t in np.flatnonzero(top >= over.min(axis=0)[best]).tolist():
        if t > previous + 1:  # between them, no word reached any threshold
            run[:] = 0
            quiet, left = (np.maximum(one - (t - previous - 1), 0) for one in (quiet, left))
            low = sums[previous + 1 : t].min(axis=0)
            held[(held >= 0) & (low[held] < under[rows, held])] = -1
        word, previous = int(best[t]), t
        held[(held >= 0) & (sums[t][held] < under[rows, held])] = -1
        counts = (top[t] >= over[:, word] + np.where(left > 0, 0, higher[t])) & (held != word)
        if settings.open and word not in settings.opened_by:
            counts &= left > 0
        run = np.where(counts, run + 1 if word == candidate else 1, 0)
        candidate = word
        fired = (quiet == 0) & (run >= settings.minimum)
        quiet, left = np.maximum(quiet - 1, 0), np.maximum(left - 1, 0)
        if fired.any():
            held[fired], quiet[fired], run[fired] = word, settings.refractory, 0
            if word in settings.opened_by:
                left[fired] = settings.open
            which = rows[fired]
            found.append((np.full(len(which), t), which, np.full(len(which), word)))
    parts = [np.concatenate(part) for part in zip(*found, strict=True)] or [np.zeros(0, np.int64)] * 3
    return Events(*parts)


def unexcused(events: Events, stream: Scored) -> Events:
    """The events of a stream, without detections of a word that may be said there."""
    if stream.allowed is None:
        return events
    kept = ~stream.allowed[events.result, events.word]
    return Events(events.result[kept], events.setting[kept], events.word[kept])


def tally(streams: Sequence[Scored], labels: Sequence[str], settings: Settings, thresholds: np.ndarray) -> Tally:
    """Count the events of streams for K rows of ``thresholds``, compared with the words said."""
    count, classes = len(thresholds), len(labels)
    hits, strays = np.zeros((count, classes), np.int64), np.zeros((count, classes), np.int64)
    said, doubles, confused = np.zeros(classes, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    delays: list[list[int]] = [[] for _ in range(count)]
    for stream in streams:
        index = {word: i for i, word in enumerate(labels)}
        keywords = [spoken for spoken in stream.said if spoken.word in index]
        truth = np.array([index[spoken.word] for spoken in keywords], np.int64)
        said += np.bincount(truth, minlength=classes)
        events = unexcused(sweep(stream.scores, settings, thresholds), stream)
        end = settings.window + events.result * settings.hop
        near, distance = nearest(np.array([spoken.middle for spoken in keywords]), end - settings.delay)
        inside = distance <= TOLERANCE
        right = inside & (truth[near] == events.word) if len(truth) else inside
        np.add.at(confused, events.setting[inside & ~right], 1)
        np.add.at(strays, (events.setting[~inside], events.word[~inside]), 1)
        pairs = events.setting[right] * max(len(keywords), 1) + near[right]
        unique, first, times = np.unique(pairs, return_index=True, return_counts=True)
        of_setting, of_word = np.divmod(unique, max(len(keywords), 1))
        np.add.at(hits, (of_setting, truth[of_word]), 1)
        np.add.at(doubles, of_setting[times > 1], 1)
        for k, word, at in zip(of_setting, of_word, end[right][first], strict=True):
            delays[k].append(int(at) - keywords[word].end)
    return Tally(hits, said, doubles, confused, strays, delays)


def one_for_all(labels: Sequence[str]) -> np.ndarray:
    """Thresholds (levels, classes): each row has one of ``LEVELS`` for all words; classes of no word have NEVER."""
    return np.where([rejects(label) for label in labels], NEVER, LEVELS[:, None])


def moving_sums(scores: np.ndarray, results: int) -> np.ndarray:
    """The sums of the last ``results`` scores, int64 (results, classes). Scores count from 0 to 255, and as 0 before
    the first."""
    total = np.cumsum(scores.astype(np.int64) + 128, axis=0)
    total[results:] -= total[:-results].copy()
    return total


def raised(scores: np.ndarray, settings: Settings) -> np.ndarray:
    """By how much a word's sum must exceed its threshold's, int64 (results,): more than 0 where somebody talked. While
    something has opened the detector it need not."""
    if not settings.alone:
        return np.zeros(len(scores), np.int64)
    talk = moving_sums(scores[:, [settings.unknown]], settings.before)[:, 0]
    before = np.concatenate([np.zeros(settings.results, np.int64), talk])[: len(scores)]
    return rise(settings, before)


def nearest(places: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted place, the index of the nearest of ``places``, which must ascend, and its distance."""
    if not len(places):
        return np.zeros(len(wanted), np.int64), np.full(len(wanted), np.iinfo(np.int64).max)
    after = np.searchsorted(places, wanted).clip(1, len(places) - 1) if len(places) > 1 else np.zeros(len(wanted), int)
    before = np.maximum(after - 1, 0)
    near = np.where(np.abs(places[before] - wanted) <= np.abs(places[after] - wanted), before, after)
    return near, np.abs(places[near] - wanted)
