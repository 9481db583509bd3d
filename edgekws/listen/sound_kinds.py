"""Folders of sound without keywords: the kind of each, by its name, and the place of its recordings in a stream."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.folder.find import SUFFIXES
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.errors import UserError
from edgekws.files import folder_name

SPEECH, NOISE, MUSIC, WORDS = "speech", "noise", "music", "words alone"
_NAMED = {
    WORDS: ("unknown words", "recorded words"),
    MUSIC: ("music", "song", "melod", "instrument"),
    NOISE: ("noise", "sound", "ambien", "silence", "traffic", "rain", "room"),
}
_SHORT_HOURS = 0.1


@dataclass(frozen=True)
class Recording:
    """A file of any length."""

    path: Path
    name: str  # the path within its folder
    speaker: str  # of SPEAKER_nohash_0.wav; else empty
    seconds: float

    @classmethod
    def of(cls, path: Path, folder: Path) -> Recording:
        """Raises UserError for what is no recording."""
        speaker = speaker_of(path.stem) if "_nohash_" in path.stem else ""
        return cls(path, path.relative_to(folder).as_posix(), speaker, audio.length(path) / SAMPLE_RATE)


@dataclass(frozen=True)
class Kind:
    """The recordings in and under a folder; its name says what kind of sound they are."""

    name: str
    recordings: tuple[Recording, ...]

    @property
    def sort(self) -> str:
        return sort_of(self.name)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.recordings)


def sort_of(name: str) -> str:
    """What a folder or stream holds by its name: noise, music, words one after the other; else it is speech."""
    return next((sort for sort, parts in _NAMED.items() if any(part in name.lower() for part in parts)), SPEECH)


def find(folders: Sequence[Path], option: str) -> list[Kind]:
    """A kind for each folder. Raises UserError for one that is not there or empty, and for two of one name."""
    kinds: list[Kind] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{option}: {folder} is not a folder; expected one of recordings of any length")
        paths = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        if not paths:
            raise UserError(f"{option}: there are no recordings in {folder} (WAV, FLAC, Ogg, MP3, AIFF)")
        name = folder_name(folder)
        if name in {kind.name for kind in kinds}:
            raise UserError(f"{option}: two folders are called {name}; figures go by that name: rename one")
        kinds.append(Kind(name, tuple(Recording.of(path, folder) for path in paths)))
    return kinds


def long_enough(hours: Sequence[float]) -> list[bool]:
    """Which streams are long enough for a rate: six minutes; all of them where none is."""
    found = [one >= _SHORT_HOURS for one in hours]
    return found if any(found) else [True] * len(found)


@dataclass
class Tape:
    """Recordings one after the other as one stream, in blocks of int16 (n,); knows where each piece came from."""

    recordings: Sequence[Recording]
    cut: dict[int, list[tuple[float, float]]] = field(default_factory=dict)  # by recording: seconds to leave out
    faults: audio.Faults = field(default_factory=audio.Faults)
    samples: int = 0  # so far
    _pieces: list[tuple[int, int, int]] = field(default_factory=list)  # place in the stream, recording, place in it

    def blocks(self) -> Iterator[np.ndarray]:
        for number, recording in enumerate(self.recordings):
            place, follows = 0, -1  # the sample that would go on with the piece before
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
        """The recording, by its number, that a sample of the stream is from, and its place there."""
        start, number, place = self._pieces[
            max(bisect.bisect_right(self._pieces, (sample, len(self.recordings))) - 1, 0)
        ]
        return number, place + sample - start

    def span(self, number: int) -> tuple[int, int]:
        """Where a recording of which nothing is cut begins in the stream, and its samples."""
        starts = {n: start for start, n, _ in self._pieces}
        start = starts.get(number, self.samples)
        return start, starts.get(number + 1, self.samples) - start


def excerpts(path: Path, spans: Sequence[tuple[int, int]]) -> Iterator[np.ndarray]:
    """What a recording holds from one sample to another, int16 (n,), for each of these spans, which ascend; less where
    it begins or ends on the way. Memory does not grow with the recording."""
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
    """What is left of the samples from ``start`` to ``stop`` without the seconds of ``cut``."""
    for low, high in sorted(cut):
        first, last = (round(min(end * SAMPLE_RATE, stop)) for end in (low, high))
        if first >= stop or last <= start:
            continue
        if first > start:
            yield start, first
        start = max(start, last)
    if start < stop:
        yield start, stop
