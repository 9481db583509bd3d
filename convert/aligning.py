"""Cuts phrases out of recordings of any length, where a model hears them: one file each time that a phrase is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from edgekws import audio
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.clips import rejects
from edgekws.corpus.folder.find import recordings
from edgekws.errors import UserError
from edgekws.files import atomic_write, make_folder
from edgekws.listen.events import Event

AROUND = 0.4  # seconds of a file beyond the model's window, half before and half after


class Hearing(Protocol):
    """What is needed of ``edgekws.spotter.Spotter``."""

    name: str
    labels: tuple[str, ...]
    window: int

    def listen(self, source: Path) -> Iterable[Event]: ...


@dataclass
class Aligned:
    """What was found for a phrase: how many recordings were heard, the files written, recordings without the phrase."""

    recordings: int = 0
    written: list[Path] = field(default_factory=list)
    without: list[Path] = field(default_factory=list)


def align(
    spotter: Hearing, folder: Path, out: Path, told: Callable[[Path], object] = lambda path: None
) -> dict[str, Aligned]:
    """Write ``out/PHRASE/...wav`` for each time that the spotter hears a phrase in ``folder/PHRASE``, subfolders alike.

    A file holds the window with the phrase in its middle, and ``AROUND`` more. It keeps the speaker of its recording.
    ``told`` is called with each recording that was heard. Raises UserError if the folder has no folder of a phrase, a
    phrase's folder has no recording, nothing was heard at all, or ``out`` has files already.
    """
    known = [label for label in spotter.labels if not rejects(label)]
    phrases = [label for label in known if (folder / label).is_dir()]
    if not phrases:
        raise UserError(
            f"{folder} has no folder of a phrase of {spotter.name}; expected {folder}/PHRASE with recordings, where "
            f"PHRASE is one of: {', '.join(known)}"
        )
    if out.exists() and recordings(out):
        raise UserError(f"{out} has recordings already; choose another folder")
    found = {phrase: Aligned() for phrase in phrases}
    for phrase, of_phrase in found.items():
        if not (paths := recordings(folder / phrase)):
            raise UserError(f"there are no recordings in {folder / phrase}; put those of {phrase!r} there")
        for path in paths:
            middles = [event.time for event in spotter.listen(path) if event.word == phrase]
            of_phrase.recordings += 1
            place = (out / phrase / path.relative_to(folder / phrase)).with_suffix("")
            sound = audio.read(path)[0] if middles else np.zeros(0, np.int16)
            if middles:
                make_folder(place.parent)
            for number, piece in enumerate(_pieces(sound, middles, spotter.window), 1):
                file = place.with_name(_named(place.name, number))
                atomic_write(file, audio.to_wav(piece))
                of_phrase.written.append(file)
            of_phrase.without += [] if middles else [path]
            told(path)
    if not any(one.written for one in found.values()):
        raise UserError(
            f"{spotter.name} heard none of {', '.join(phrases)} in {folder}; lower --threshold, or listen to the "
            "recordings"
        )
    return found


def _pieces(sound: np.ndarray, middles: Sequence[float], window: int) -> Iterator[np.ndarray]:
    half = window // 2 + round(AROUND * SAMPLE_RATE / 2)
    for middle in middles:
        at = round(middle * SAMPLE_RATE)
        yield sound[max(at - half, 0) : at + half]


def _named(stem: str, number: int) -> str:
    """A name with the same speaker: before _nohash_, as in Speech Commands, or else the recording's own name."""
    return f"{stem}-{number}.wav" if "_nohash_" in stem else f"{stem}_nohash_{number}.wav"
