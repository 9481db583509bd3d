"""Scores of folders of sound, each as one stream, and where its transcripts say that a word may be heard."""

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

MODES = ("text", "times", "cut")
_MARGIN = 3 * SAMPLE_RATE // 10  # to either side of where a word may be said
_AVERAGED = SAMPLE_RATE // 5  # half of 0.4 s: with half a window from a word's middle to the end of its window


class Scorer(Protocol):
    hop: int
    window: int  # samples that a result is of

    def push(self, samples: np.ndarray) -> np.ndarray: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class Texts:
    """What is said in recordings, and what that does to the measure.

    mode: text: a word is no false accept in a recording whose text has it or a sound-alike; times: only where the time
    of the word says so, where times are known; cut: such stretches are left out of the sound.
    """

    by_file: Mapping[str, Transcript] = field(default_factory=dict)
    alike: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mode: str = "times"

    @classmethod
    def of(cls, by_file: Mapping[str, Transcript], labels: Sequence[str], mode: str) -> Texts:
        return cls(by_file, said.alike(labels, by_file.values()), mode)

    def find(self, recording: Recording) -> Transcript | None:
        return self.by_file.get(recording.name) or self.by_file.get(recording.path.name)

    def places(self, recording: Recording) -> list[Place]:
        """Where each word may be heard."""
        text = self.find(recording)
        return said.places(text, self.alike, whole=self.mode == "text") if text else []

    def check(self, kinds: Sequence[Kind]) -> int:
        """How many recordings of speech have no text. Raises UserError where none has one."""
        recordings = [one for kind in kinds if kind.sort == SPEECH for one in kind.recordings]
        without = sum(self.find(one) is None for one in recordings)
        if self.by_file and recordings and without == len(recordings):
            raise UserError(
                f"the transcripts name none of these recordings: expected a path such as {recordings[0].name} in the "
                f"column file, got {next(iter(self.by_file))}"
            )
        return without if self.by_file else 0


def hear(
    kind: Kind, scorer: Scorer, labels: Sequence[str], texts: Texts, tell: Callable[[int], object]
) -> tuple[Scored, Tape]:
    """The scores of a folder's recordings one after the other, and the tape that knows where each lies.

    ``tell`` is called with how many samples were heard since the last call. Raises UserError for recordings that cannot
    be read, and where they are less than a second in all.
    """
    spoken = {number: texts.places(one) for number, one in enumerate(kind.recordings)}
    cut = texts.mode == "cut"
    tape = Tape(kind.recordings, {n: [place[1:] for place in places] for n, places in spoken.items()} if cut else {})
    scorer.reset()
    parts: list[np.ndarray] = [np.zeros((0, len(labels)), np.int8)]
    for block in tape.blocks():
        parts.append(scorer.push(block).copy())
        tell(len(block))
    if tape.samples < scorer.window:
        rest = " once the words are cut out" if cut else ""
        raise UserError(f"{kind.name} holds less than {scorer.window / SAMPLE_RATE:g} s of sound{rest}")
    scores = np.concatenate(parts)
    allowed = None if cut or not any(spoken.values()) else _allowed(len(scores), scorer, labels, tape, spoken)
    return Scored(kind.name, None, tape.samples / SAMPLE_RATE, scores, (), allowed), tape


def hear_trial(trial: Trial, scorer: Scorer, tell: Callable[[int], object]) -> Scored:
    """The scores of a stream that was made, and of a window of silence after it, in which its last word is found."""
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
    """bool (results, classes): where a word may be heard, 0.3 s to either side."""
    allowed = np.zeros((results, len(labels)), bool)
    late = scorer.window // 2 + _AVERAGED - scorer.window  # of a word's middle to the start of its first window
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
