"""Scores folders of sound, each as one stream, and marks where transcripts say that a word may be heard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.transcripts import Transcript
from edgekws.errors import UserError
from edgekws.listen import said
from edgekws.listen.said import Place
from edgekws.listen.sound_kinds import SPEECH, Kind, Recording, Tape
from edgekws.listen.thresholds import Scored
from edgekws.listen.trials import Trial
from edgekws.progress import Progress

_MARGIN = 3 * SAMPLE_RATE // 10  # samples before and after the place where a word may be said
_AVERAGED = SAMPLE_RATE // 5  # half of the averaging of 0.4 s


class Scorer(Protocol):
    """Takes samples as they come, and returns the scores of every window that they complete."""

    words: str  # says to people what computes the scores
    hop: int  # samples from one result to the next
    window: int  # samples that one result covers

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take int16 samples (n,) and return int8 scores (results, classes); results may be 0."""
        ...

    def reset(self) -> None:
        """Start another stream."""
        ...


def telling(bar: Progress) -> Callable[[int], None]:
    """A function that takes a number of samples and advances the bar, whose unit is a second."""
    waiting = 0

    def tell(samples: int) -> None:
        nonlocal waiting
        whole, waiting = divmod(waiting + samples, SAMPLE_RATE)
        bar.advance(whole)

    return tell


@dataclass(frozen=True)
class Texts:
    """What is said in recordings, and how that affects the count of false accepts.

    ``mode`` is one of: "text": a detection is no false accept if the recording's text has the word or one that sounds
    like it. "times": the same, but only near the time of the word, if times are known. "cut": the stretches with such
    words are removed from the sound.
    """

    by_file: Mapping[str, Transcript] = field(default_factory=dict)
    alike: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mode: str = "times"

    @classmethod
    def of(cls, by_file: Mapping[str, Transcript], labels: Sequence[str], mode: str) -> Texts:
        """The texts of these recordings, with every word in them that sounds like one of the labels."""
        return cls(by_file, said.alike(labels, by_file.values()), mode)

    def find(self, recording: Recording) -> Transcript | None:
        """What is said in a recording, found by its path in its folder or by its name; None if no table has it."""
        return self.by_file.get(recording.name) or self.by_file.get(recording.path.name)

    def places(self, recording: Recording) -> list[Place]:
        """The places in a recording where each word may be heard."""
        text = self.find(recording)
        return said.places(text, self.alike, whole=self.mode == "text") if text else []

    def check(self, kinds: Sequence[Kind]) -> int:
        """How many recordings of speech have no text. Raises UserError if none of them has one."""
        recordings = [one for kind in kinds if kind.sort == SPEECH for one in kind.recordings]
        without = sum(self.find(one) is None for one in recordings)
        if self.by_file and recordings and without == len(recordings):
            raise UserError(
                f"the transcripts name none of these recordings: expected a path such as {recordings[0].name} in the "
                f"column file, got {next(iter(self.by_file))}"
            )
        return without if self.by_file else 0


def hear(
    kind: Kind,
    scorer: Scorer,
    labels: Sequence[str],
    texts: Texts,
    tell: Callable[[int], object],
    pause_seconds: float = 0.0,
) -> tuple[Scored, Tape]:
    """The scores of a folder's recordings as one stream, and the tape, which knows the place of each recording.

    ``tell`` is called with the number of samples heard since its last call. ``pause_seconds`` of faint noise come
    before each recording, and do not count as its time. Raises UserError if recordings cannot be read, or are shorter
    than a second all together.
    """
    spoken = {number: texts.places(one) for number, one in enumerate(kind.recordings)}
    cut = texts.mode == "cut"
    out = {n: [place[1:] for place in places] for n, places in spoken.items()} if cut else {}
    tape = Tape(kind.recordings, out, pause=round(pause_seconds * SAMPLE_RATE))
    scorer.reset()
    parts: list[np.ndarray] = [np.zeros((0, len(labels)), np.int8)]
    for block in tape.blocks():
        parts.append(scorer.push(block).copy())
        tell(len(block))
    sounding = tape.samples - tape.pauses
    if sounding < scorer.window:
        rest = " once the words are cut out" if cut else ""
        raise UserError(f"{kind.name} holds less than {scorer.window / SAMPLE_RATE:g} s of sound{rest}; add recordings")
    scores = np.concatenate(parts)
    allowed = None if cut or not any(spoken.values()) else _allowed(len(scores), scorer, labels, tape, spoken)
    return Scored(kind.name, None, sounding / SAMPLE_RATE, scores, (), allowed), tape


def hear_trial(trial: Trial, scorer: Scorer, tell: Callable[[int], object]) -> Scored:
    """The scores of a made stream and of a window of silence after it, so that its last word can be found."""
    scorer.reset()
    parts, samples = [], 0
    for block in trial.blocks:
        parts.append(scorer.push(block).copy())
        samples += len(block)
        tell(len(block))
    parts.append(scorer.push(np.zeros(scorer.window, np.int16)).copy())
    return Scored(trial.kind, trial.snr_db, samples / SAMPLE_RATE, np.concatenate(parts), tuple(trial.said))


def _allowed(
    results: int,
    scorer: Scorer,
    labels: Sequence[str],
    tape: Tape,
    spoken: Mapping[int, Iterable[Place]],
) -> np.ndarray:
    """bool (results, classes): the results in which a word may be heard, with 0.3 s before and after."""
    allowed = np.zeros((results, len(labels)), bool)
    late = scorer.window // 2 + _AVERAGED - scorer.window  # from a word's middle to the start of its first window
    index = {label: i for i, label in enumerate(labels)}
    for number, places in spoken.items():
        at, length = tape.span(number)
        for word, start, end in places:
            low = at + start * SAMPLE_RATE - _MARGIN
            high = at + min(end * SAMPLE_RATE, length) + _MARGIN
            first = math.ceil((low + late) / scorer.hop)
            last = math.floor((high + late) / scorer.hop)
            allowed[max(first, 0) : max(last + 1, 0), index[word]] = True
    return allowed
