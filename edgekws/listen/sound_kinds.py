"""Folders of sound without keywords: the kind of sound by a folder's name, and a folder's recordings as a stream."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.folder.find import recordings
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.corpus.folder.splits import read_lists
from edgekws.corpus.supplied import talk
from edgekws.errors import UserError
from edgekws.files import folder_name

SPEECH, NOISE, MUSIC, WORDS = "speech", "noise", "music", "words alone"
QUIET = (NOISE, MUSIC)  # in which nobody speaks
_NAMED = {
    WORDS: r"unknown words|recorded words|words alone",
    MUSIC: r"music\w*|songs?|melod(y|ies)|instruments?|instrumental",
    NOISE: r"(\w*)noises?|sounds?|ambien(t|ce|ces)|silence|traffic|rain|rooms?",
}
_SHORT_HOURS = 0.1
_FAINT = 3.0  # RMS of a pause, of 32,768


@dataclass(frozen=True)
class Recording:
    """A file of any length."""

    path: Path
    name: str  # the path within its folder
    speaker: str  # if the file is called SPEAKER_nohash_0.wav; else empty
    seconds: float

    @classmethod
    def of(cls, path: Path, folder: Path) -> Recording:
        """The recording at ``path``. Raises UserError if it is none."""
        speaker = speaker_of(path.stem) if "_nohash_" in path.stem else ""
        return cls(path, path.relative_to(folder).as_posix(), speaker, audio.length(path) / SAMPLE_RATE)


@dataclass(frozen=True)
class Kind:
    """The recordings in and below a folder, whose name says what kind of sound they are."""

    name: str
    recordings: tuple[Recording, ...]

    @property
    def sort(self) -> str:
        return sort_of(self.name)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.recordings)

    @cached_property
    def lists(self) -> dict[str, str] | None:
        """{name of a recording: split} by the folder's own lists; None if it has none."""
        first = self.recordings[0] if self.recordings else None
        return read_lists(first.path.parents[first.name.count("/")]) if first else None


def sort_of(name: str) -> str:
    """The sort of sound by the name of a folder or stream: noise, music, single words in a row, or else speech."""
    words = re.sub(r"[\W\d_]+", " ", name.lower())
    return next((sort for sort, parts in _NAMED.items() if re.search(rf"\b({parts})\b", words)), SPEECH)


def find(folders: Sequence[Path], option: str) -> list[Kind]:
    """A kind for each folder. Raises UserError if a folder is missing or empty, or two have the same name."""
    kinds: list[Kind] = []
    for given in folders:
        folder = talk.place(given)
        if not folder.is_dir():
            raise UserError(f"{option}: {folder} is not a folder; expected one of recordings of any length")
        paths = recordings(folder)
        if not paths:
            raise UserError(f"{option}: there are no recordings in {folder} (WAV, FLAC, Ogg, MP3, AIFF)")
        name = folder_name(folder)
        if name in {kind.name for kind in kinds}:
            raise UserError(
                f"{option}: two folders are called {name}; figures go by that name: rename one, or name it once"
            )
        kinds.append(Kind(name, tuple(Recording.of(path, folder) for path in paths)))
    return kinds


def long_enough(hours: Sequence[float]) -> list[bool]:
    """Which streams are long enough for a rate, six minutes; if none is, all count."""
    found = [one >= _SHORT_HOURS for one in hours]
    return found if any(found) else [True] * len(found)


def faint(seed: int, samples: int) -> np.ndarray:
    """What a microphone gives where nobody speaks, int16 (samples,): digital silence is a cue that none gives."""
    return np.rint(np.random.default_rng(seed).normal(0, _FAINT, samples)).astype(np.int16)


@dataclass
class Tape:
    """Recordings in a row as one stream of blocks, int16 (n,). It knows where each piece came from."""

    recordings: Sequence[Recording]
    cut: dict[int, list[tuple[float, float]]] = field(default_factory=dict)  # by recording: seconds to leave out
    faults: audio.Faults = field(default_factory=audio.Faults)
    pause: int = 0  # samples of faint noise before each recording, so that no two are joined
    samples: int = 0  # of the stream so far
    pauses: int = 0  # of these, in pauses
    _pieces: list[tuple[int, int, int]] = field(default_factory=list)  # place in the stream, recording, place in it

    def blocks(self) -> Iterator[np.ndarray]:
        for number, recording in enumerate(self.recordings):
            if self.pause:
                self.samples, self.pauses = self.samples + self.pause, self.pauses + self.pause
                yield faint(number, self.pause)
            place, follows = 0, -1  # follows: the sample that would continue the piece before
            for block in audio.blocks(recording.path, self.faults, pipes=False):
                for start, stop in _kept(place, place + len(block), self.cut.get(number, ())):
                    if start != follows:
                        self._pieces.append((self.samples, number, start))
                    piece = block[start - place : stop - place]
                    self.samples += len(piece)
                    follows = stop
                    yield piece
                place += len(block)

    def origin(self, sample: int) -> tuple[int, int]:
        """The number of the recording that a sample of the stream comes from, and its place there."""
        start, number, place = self._pieces[
            max(bisect.bisect_right(self._pieces, (sample, len(self.recordings))) - 1, 0)
        ]
        return number, place + sample - start

    def span(self, number: int) -> tuple[int, int]:
        """The start of an uncut recording in the stream, and its number of samples."""
        starts = {n: start for start, n, _ in self._pieces}
        start = starts.get(number, self.samples)
        return start, starts.get(number + 1, self.samples) - start


def excerpts(path: Path, spans: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
    """The samples of a recording, int16 (n,), in each of these spans (first, last), which must ascend. Spans are
    clipped to the recording. Memory does not grow with the recording."""
    blocks = audio.blocks(path, audio.Faults(), pipes=False)
    waiting, place = np.zeros(0, np.int16), 0
    for first, last in spans:
        while place + len(waiting) < last and (block := next(blocks, None)) is not None:
            if place + len(waiting) <= first:
                place, waiting = place + len(waiting), block
            else:
                waiting = np.concatenate([waiting, block])
        passed = min(max(first - place, 0), len(waiting))
        place, waiting = place + passed, waiting[passed:]
        yield waiting[: max(last - place, 0)]


def _kept(start: int, stop: int, cut: Sequence[tuple[float, float]]) -> Iterator[tuple[int, int]]:
    """The stretches from sample ``start`` to ``stop`` that are left without the seconds in ``cut``."""
    for low, high in sorted(cut):
        first, last = (round(min(end * SAMPLE_RATE, stop)) for end in (low, high))
        if first >= stop or last <= start:
            continue
        if first > start:
            yield start, first
        start = max(start, last)
    if start < stop:
        yield start, stop
