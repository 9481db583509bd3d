"""Turns scores into detections with integers, event for event as ``edgekws_detector.h`` does on a device.

Scores go from 0 to 255 in units of 1/256: the int8 output of the softmax plus 128.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.corpus.clips import UNKNOWN, rejects
from edgekws.errors import UserError, nearest
from edgekws.guard import untrusted

NEVER = 256  # a threshold that no average reaches
FILE = "detector.json"
AVERAGED_SECONDS, REFRACTORY_SECONDS = 0.4, 0.75
THRESHOLD, HYSTERESIS = 205, 51  # 0.8 and 0.2
LONGEST_OPEN_SECONDS = 600
BEFORE_SECONDS = 1.5  # of talk that tell a word said alone from one in running speech
TALK = 96  # an average of _unknown_ from which on somebody may be talking; 256 is nothing but talk


@dataclass(frozen=True)
class Settings:
    """Decides when a word counts as heard.

    Attributes:
        thresholds: for each class, 0 to 256: a word can be detected while its average is at or above this.
        releases: for each class, 0 to 256: after a detection, the average must fall below this before the next one.
        results: how many results are averaged.
        minimum: how many results in a row must reach the threshold.
        refractory: how many results after a detection cannot give another.
        hop: samples from one result to the next.
        window: samples that one result covers.
        opened_by: classes that open the detector for the others.
        open: for how many results the others then count, or after ``Detector.open``. 0: they always count.
        alone: by so much a threshold is higher, 0 to 256, for a word after nothing but talk, and by less after less
            (``rise``). While something has opened the detector, words need no quiet before them.
        before: how many results before those averaged tell how much talk there was, by their average of ``unknown``.
        unknown: the class of what is no word; -1: there is none.
    """

    thresholds: tuple[int, ...]
    releases: tuple[int, ...]
    results: int
    minimum: int
    refractory: int
    hop: int
    window: int = CLIP_SAMPLES
    opened_by: tuple[int, ...] = ()
    open: int = 0
    alone: int = 0
    before: int = 0
    unknown: int = -1

    def __post_init__(self) -> None:
        if len(self.thresholds) != len(self.releases) or not self.thresholds:
            raise UserError("the detector needs a threshold and a release for each class")
        if not all(0 <= r <= t <= NEVER for t, r in zip(self.thresholds, self.releases, strict=True)):
            raise UserError(f"the detector's releases and thresholds must be 0 <= release <= threshold <= {NEVER}")
        if not (1 <= self.results <= 255 and 1 <= self.minimum <= 65_535 and 0 <= self.refractory <= 65_535):
            raise UserError("the detector averages 1 to 255 results, over a minimum of 1 or more")
        if self.hop < 1:
            raise UserError(f"the detector's hop must be a number of samples, got {self.hop}")
        if not 0 <= self.open <= 65_535 or not all(0 <= one < len(self.thresholds) for one in self.opened_by):
            raise UserError("the detector is open for 0 to 65,535 results after one of its classes")
        if not (0 <= self.alone <= NEVER and 0 <= self.before <= 255 and -1 <= self.unknown < len(self.thresholds)):
            raise UserError(
                f"the detector raises thresholds by 0 to {NEVER} after up to 255 results of one of its classes"
            )
        if self.alone and (self.unknown < 0 or not self.before):
            raise UserError("the detector needs results and a class that tell whether somebody talked before a word")

    @property
    def delay(self) -> int:
        """Samples from the middle of the averaged windows to the end of the last one."""
        return self.window // 2 + (self.results - 1) * self.hop // 2


@dataclass(frozen=True)
class Gate:
    """Words count only for so many seconds after one of these phrases was heard; with no phrase, after the program says
    so (``Detector.open``). 0 seconds: they always count."""

    opened_by: tuple[str, ...] = ()
    seconds: float = 0.0

    def on(self, settings: Settings, labels: Sequence[str]) -> Settings:
        """The settings with this gate. Raises UserError for a phrase that is no word of the model, and for a time that
        is none."""
        if self == Gate():
            return settings
        if not 0 < self.seconds <= LONGEST_OPEN_SECONDS:
            raise UserError(f"words can count for up to {LONGEST_OPEN_SECONDS} seconds, got {self.seconds:g}")
        words = [label for label in labels if not rejects(label)]
        for phrase in self.opened_by:
            if phrase not in words:
                hint = nearest(phrase, words, f"expected one of {', '.join(words)}")
                raise UserError(f"{phrase!r} is no word of this model that could open it; {hint}")
        classes = tuple(sorted({labels.index(phrase) for phrase in self.opened_by}))
        results = min(max(round(self.seconds * SAMPLE_RATE / settings.hop), 1), 65_535)
        return replace(settings, opened_by=classes, open=results)


def after_talk(settings: Settings, labels: Sequence[str], share: float) -> Settings:
    """The settings with thresholds that are higher by up to ``share``, 0 to 1, after talk. Raises UserError for another
    share, and where the model has no class for talk."""
    if not 0 <= share <= 1:
        raise UserError(f"detector.alone raises thresholds by 0 to 1 after talk, got {share:g}")
    if not share:
        return replace(settings, alone=0, before=0, unknown=-1)
    if UNKNOWN not in labels:
        raise UserError(f"detector.alone needs a model with the class {UNKNOWN}, which tells talk from words")
    before = max(round(BEFORE_SECONDS * SAMPLE_RATE / settings.hop), 1)
    return replace(settings, alone=round(NEVER * share), before=before, unknown=labels.index(UNKNOWN))


@dataclass(frozen=True)
class Tuned:
    """The settings from tuning a model: those in use, and those for other goals (false accepts an hour)."""

    settings: Settings
    goals: Mapping[float, Settings] = field(default_factory=dict)

    def at(self, per_hour: float) -> Tuned:
        """The same with the settings of the largest goal up to ``per_hour`` in use. A UserError if there is none."""
        fitting = [goal for goal in self.goals if goal <= per_hour]
        if not fitting:
            known = ", ".join(f"{goal:g}" for goal in sorted(self.goals)) or "none"
            raise UserError(
                f"no thresholds are known for {per_hour:g} false accepts an hour or fewer (known: {known}); "
                "'edgekws tune' chooses them"
            )
        return replace(self, settings=self.goals[max(fitting)])


def rise(settings: Settings, talk: Any) -> Any:
    """By how much a word's sum must exceed its threshold's, where the scores of ``unknown`` before it sum up to
    ``talk``: nothing up to an average of ``TALK``, then more in proportion. Whole numbers, or int64 arrays of them."""
    if not settings.alone:
        return talk * 0
    over = np.maximum(talk - TALK * settings.before, 0)
    return over * settings.alone * settings.results // ((NEVER - TALK) * settings.before)


def opened(settings: Settings) -> Settings:
    """The settings as they are while something has opened the detector."""
    return replace(settings, open=0, alone=0) if settings.open else settings


def releases(thresholds: Sequence[int]) -> tuple[int, ...]:
    """The releases for these thresholds: 0.2 below them, but not so low that no average could fall below them."""
    return tuple(max(t - HYSTERESIS, (t + 1) // 2) for t in thresholds)


def default(labels: Sequence[str], hop: int, window: int = CLIP_SAMPLES) -> Settings:
    """Default settings for a result of ``window`` samples every ``hop`` samples. Classes whose label begins with _ are
    never detected."""
    thresholds = tuple(NEVER if rejects(label) else THRESHOLD for label in labels)
    results, refractory = (round(s * SAMPLE_RATE / hop) for s in (AVERAGED_SECONDS, REFRACTORY_SECONDS))
    results = max(results, 1)
    return Settings(thresholds, releases(thresholds), results, min(2, results), refractory, hop, window)


def read(path: Path, labels: Sequence[str]) -> Tuned:
    """The settings in a run's ``detector.json``."""
    remedy = "remove it for the default settings"
    stored = untrusted.json_object(path, remedy)
    with untrusted.reading(path, "detector's settings", remedy):
        try:
            goals = {float(goal): from_json(one, labels) for goal, one in stored.get("goals", {}).items()}
            return Tuned(from_json(stored, labels), goals)
        except UserError as error:
            raise UserError(f"{path}: {error}; {remedy}") from None


def fitting(tuned: Tuned | None, labels: Sequence[str], hop: int, window: int = CLIP_SAMPLES) -> Settings:
    """The tuned settings if they are for this hop, else the default."""
    return tuned.settings if tuned and tuned.settings.hop == hop else default(labels, hop, window)


def check_hop(tuned: Tuned | None, hop: int, name: str) -> None:
    """A UserError if the model ``name`` was tuned for another hop."""
    if tuned and tuned.settings.hop != hop:
        raise UserError(f"{name} was tuned for another hop than {hop} samples; tune it again")


def from_json(stored: dict[str, Any], labels: Sequence[str]) -> Settings:
    """The inverse of ``to_json``. KeyError, TypeError, ValueError or OverflowError if a value is missing or wrong."""
    thresholds, releases = (tuple(int(stored[key][label]) for label in labels) for key in ("thresholds", "releases"))
    numbers = {"window": CLIP_SAMPLES, "open": 0, "alone": 0, "before": 0, **stored}
    results, minimum, refractory, hop, window, opened, alone, before = (
        int(numbers[key]) for key in ("results", "minimum", "refractory", "hop", "window", "open", "alone", "before")
    )
    opened_by = tuple(labels.index(phrase) for phrase in stored.get("opened_by", ()))
    unknown = labels.index(UNKNOWN) if alone else -1
    return Settings(
        thresholds, releases, results, minimum, refractory, hop, window, opened_by, opened, alone, before, unknown
    )


def with_threshold(settings: Settings, probability: float) -> Settings:
    """The same settings with one threshold, a probability, for all words that can be detected."""
    if not 0 < probability <= 1:
        raise UserError(f"a threshold is a probability above 0 and up to 1, got {probability:g}")
    threshold = min(round(256 * probability), NEVER - 1)
    thresholds = tuple(NEVER if old == NEVER else threshold for old in settings.thresholds)
    return replace(settings, thresholds=thresholds, releases=releases(thresholds))


def to_json(settings: Settings, labels: Sequence[str]) -> dict[str, Any]:
    """The settings with thresholds by word, as in a bundle's manifest and at the top of ``detector.json``."""
    by_word = {key: dict(zip(labels, getattr(settings, key), strict=True)) for key in ("thresholds", "releases")}
    told = asdict(settings) | by_word | {"opened_by": [labels[one] for one in settings.opened_by]}
    unused = {"unknown"} | ({"opened_by", "open"} if not settings.open else set())
    unused |= {"alone", "before"} if not settings.alone else set()
    return {key: value for key, value in told.items() if key not in unused}


def tuned_to_json(tuned: Tuned, labels: Sequence[str]) -> dict[str, Any]:
    """The content of ``detector.json``, which ``read`` reads."""
    goals = {str(goal): to_json(settings, labels) for goal, settings in tuned.goals.items()}
    return to_json(tuned.settings, labels) | {"goals": goals}


class Detector:
    """Takes the int8 scores (classes,) of each result in turn."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._thresholds = np.array(settings.thresholds, np.int64) * settings.results
        self._releases = np.array(settings.releases, np.int64) * settings.results
        self._words = np.array(settings.thresholds) < NEVER
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        classes = len(self.settings.thresholds)
        self._recent = np.zeros((self.settings.results, classes), np.int64)
        self._sums = np.zeros(classes, np.int64)
        self._before = np.zeros(max(self.settings.before, 1), np.int64)
        self._talk = self._oldest = 0
        self._raised = 0  # by so much a sum must exceed its threshold's
        self._next = self._quiet = self._run = self._candidate = self._open = 0
        self._held = -1

    def open(self) -> None:
        """Words count from the next result on, for as long as the settings say."""
        self._open = self.settings.open

    def average(self, word: int) -> float:
        """The present averaged probability of a class."""
        return float(self._sums[word] / self.settings.results / 256)

    def nearest(self) -> tuple[int, float]:
        """The class whose average is the largest share of what it needs now, and that share."""
        parts = np.where(self._words, self._sums / np.maximum(self._thresholds + self._raised, 1), 0.0)
        best = int(parts.argmax())
        return best, float(parts[best])

    def _hear_before(self, unknown: int) -> None:
        """Add the score of talk in the result that leaves those averaged to those before them."""
        self._talk += unknown - int(self._before[self._oldest])
        self._before[self._oldest] = unknown
        self._oldest = (self._oldest + 1) % self.settings.before

    def push(self, scores: np.ndarray) -> int:
        """Take one result. Returns the class that it detects, or -1."""
        values = scores.astype(np.int64) + 128
        if self.settings.alone:
            self._hear_before(int(self._recent[self._next][self.settings.unknown]))
            self._raised = 0 if self._open else rise(self.settings, self._talk)
        self._sums += values - self._recent[self._next]
        self._recent[self._next] = values
        self._next = (self._next + 1) % self.settings.results
        if self._held >= 0 and self._sums[self._held] < self._releases[self._held]:
            self._held = -1
        best = int(self._sums.argmax())
        counts = not self.settings.open or self._open > 0 or best in self.settings.opened_by
        if not counts or self._sums[best] < self._thresholds[best] + self._raised or best == self._held:
            self._run = 0
        else:
            self._run = self._run + 1 if self._run and best == self._candidate else 1
        self._candidate = best
        self._open = max(self._open - 1, 0)
        if self._quiet:
            self._quiet -= 1
            return -1
        if self._run < self.settings.minimum:
            return -1
        self._held, self._quiet, self._run = best, self.settings.refractory, 0
        if best in self.settings.opened_by:
            self.open()
        return best
