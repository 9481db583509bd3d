"""Chooses the thresholds that miss the fewest words within a goal of false accepts an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.corpus.clips import rejects
from edgekws.listen import sound_kinds, tail, thresholds
from edgekws.listen.detector import NEVER, REFRACTORY_SECONDS, Settings, after_talk, releases
from edgekws.listen.thresholds import LEVELS, Scored, Tally

AVERAGED_SECONDS = (0.1, 0.25, 0.4, 0.55, 0.85)
GOALS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # false accepts an hour; settings for these are always chosen
QUIET_PER_HOUR = 0.5  # false accepts in noise and in music at most, however many are allowed in speech
FOLDS = 4  # of cross-validation
_QUIET_WEIGHT = 8.0  # a false accept in noise or music costs as much as so many in speech
_PRICES = np.geomspace(1e-4, 10, 20)  # one false accept an hour costs as much as this share of words missed
_MARGINS = np.array([0, 2, 5])  # levels above the best threshold


def quiet_goal(per_hour: float) -> float:
    """The goal in noise and music, in false accepts an hour, where ``per_hour`` is the goal in speech."""
    return min(per_hour, QUIET_PER_HOUR)


@dataclass(frozen=True, eq=False)
class Choice:
    """Possible settings, with their figures on the streams that chose them. Their thresholds are one row of ``family``,
    (K, classes)."""

    settings: Settings
    unseen_per_hour: float  # false accepts expected in other sound, without noise and music, where they are most
    quiet_per_hour: float  # likewise in noise and music; 0 where none was heard
    kind: str  # that kind; noise or music where nothing else was heard
    hours: float  # how much of it was heard
    missed: float  # the share of words
    family: np.ndarray

    def keeps(self, per_hour: float) -> bool:
        """Whether no more than ``per_hour`` false accepts are expected, nor too many in noise and music."""
        return self.above(per_hour) <= 1

    def above(self, per_hour: float) -> float:
        """How many times the goal the false accepts are, or those in noise and music theirs."""
        return max(self.unseen_per_hour / per_hour, self.quiet_per_hour / quiet_goal(per_hour))


@dataclass(frozen=True, eq=False)
class _Peaks:
    """The log odds that each word wrongly reaches in a stream, in ``FOLDS`` parts."""

    kind: str
    hours: float
    parts: list[list[np.ndarray]]  # of each part and word

    @classmethod
    def of(cls, stream: Scored, settings: Settings, words: Sequence[int]) -> _Peaks:
        sums = thresholds.moving_sums(stream.scores, settings.results)
        sums = np.maximum(sums - thresholds.raised(stream.scores, settings)[:, None], 0)
        if stream.allowed is not None:
            sums[stream.allowed] = 0
        parts = [
            [tail.peaks(part[:, word], settings.results, settings.minimum, settings.refractory) for word in words]
            for part in np.array_split(sums, FOLDS)
        ]
        return cls(stream.kind, stream.seconds / 3600, parts)

    @cached_property
    def quiet(self) -> bool:
        """Whether nobody speaks in it."""
        return sound_kinds.sort_of(self.kind) in sound_kinds.QUIET

    def without(self, part: int) -> _Peaks:
        rest = [one for number, one in enumerate(self.parts) if number != part]
        return _Peaks(self.kind, self.hours * len(rest) / len(self.parts), rest)

    def rates(self, at: np.ndarray) -> np.ndarray:
        """False accepts an hour of each word at each of these log odds, (n, words)."""
        by_word = [np.concatenate(parts) for parts in zip(*self.parts, strict=True)]
        return np.stack([tail.rate(peaks, self.hours, at) for peaks in by_word], axis=1)

    def rate_over(self, needed: np.ndarray) -> float:
        """False accepts an hour of all words together, where each part has its own log odds, (parts, words)."""
        excess = [
            peaks - least
            for part, row in zip(self.parts, needed, strict=True)
            for peaks, least in zip(part, row, strict=True)
        ]
        return tail.rate(np.concatenate(excess), self.hours, np.zeros(1)).item()


def choices(
    keywords: Sequence[Scored],
    negatives: Sequence[Scored],
    labels: Sequence[str],
    hop: int,
    window: int = CLIP_SAMPLES,
    alone: float = 0.0,
) -> list[Choice]:
    """Possible settings, from which ``choose`` takes one. ``alone`` is the recipe's ``detector.alone``.

    For each averaging time and minimum count, every word's misses are counted at each of ``LEVELS``, and its false
    accepts an hour are estimated there (``edgekws.listen.tail``). A price says how many misses a false accept is worth.
    At a price, each word has a best threshold, to which a margin is added. Each price and margin gives one member of a
    family of thresholds; so does each level as the one threshold of all words, which few false accepts cannot mislead.

    A member is fitted to the peaks that chose it, so these would seem too rare above it. By cross-validation, the peaks
    in each part of a stream are compared with thresholds that the same price and margin give without this part; the
    member's rate is estimated from how far they exceed these. The worst stream always counts, as the goal must hold in
    each kind of sound in ``negatives``; noise and music have a goal of their own.
    """
    words, common = [i for i, label in enumerate(labels) if not rejects(label)], thresholds.one_for_all(labels)
    found = []
    for results in sorted({max(round(seconds * SAMPLE_RATE / hop), 1) for seconds in AVERAGED_SECONDS}):
        odds = tail.log_odds(np.arange(NEVER) * results, results)
        for minimum in sorted({1, min(2, results)}):
            base = after_talk(_settings(common[0], results, minimum, hop, window), labels, alone)
            heard = thresholds.tally(keywords, labels, base, common)
            peaks = [_Peaks.of(stream, base, words) for stream in negatives]
            family = _family(heard, peaks, odds, words, common)
            others = [
                _family(heard, [one.without(fold) for one in peaks], odds, words, common) for fold in range(FOLDS)
            ]
            needed = odds[np.stack(others, axis=1)[:, :, words]]  # (members, folds, words)
            missed, members = thresholds.tally(keywords, labels, base, family).miss_rate, np.unique(family, axis=0)
            for row, share, least in zip(family, missed.tolist(), needed, strict=True):
                rates = [(one.rate_over(least), one) for one in peaks]
                quiet = max((rate for rate, one in rates if one.quiet), default=0.0)
                speech = [pair for pair in rates if not pair[1].quiet] or rates
                rate, worst = max(speech, key=lambda pair: pair[0])
                settings = replace(base, thresholds=tuple(row.tolist()), releases=releases(row.tolist()))
                found.append(Choice(settings, rate, quiet, worst.kind, worst.hours, share, members))
    return found


def choose(found: Sequence[Choice], per_hour: float) -> Choice:
    """The settings that miss the fewest words and keep to ``per_hour`` false accepts an hour; if none does, those with
    the fewest."""

    def rank(one: Choice) -> tuple[bool, float, float]:
        kept, above = one.keeps(per_hour), one.above(per_hour)
        return not kept, one.missed if kept else above, above

    return min(found, key=rank)


def _family(
    heard: Tally, peaks: Sequence[_Peaks], odds: np.ndarray, words: Sequence[int], common: np.ndarray
) -> np.ndarray:
    """Thresholds (prices * margins + levels, classes): for each price, each word's level at which misses and the worst
    stream's false accepts cost least together, plus each margin; then ``common``, one threshold for all words.
    ``odds``: log odds of each threshold."""
    accepted = np.zeros(common.shape)
    weighted = [one.rates(odds[LEVELS]) * (_QUIET_WEIGHT if one.quiet else 1.0) for one in peaks]
    accepted[:, words] = np.max(weighted, axis=0)
    missed = (heard.said - heard.hits) / max(heard.said.sum(), 1)
    cost = missed + _PRICES[:, None, None] * accepted
    best = len(LEVELS) - 1 - cost[:, ::-1].argmin(axis=1)  # the highest of equal thresholds
    levels = np.minimum(best[:, None] + _MARGINS[:, None], len(LEVELS) - 1).reshape(-1, common.shape[1])
    return np.concatenate([common[levels, np.arange(common.shape[1])], common])


def _settings(row: np.ndarray, results: int, minimum: int, hop: int, window: int) -> Settings:
    needed = tuple(int(t) for t in row)
    refractory = round(REFRACTORY_SECONDS * SAMPLE_RATE / hop)
    return Settings(needed, releases(needed), results, minimum, refractory, hop, window)
