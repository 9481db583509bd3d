"""Recordings of any length in which none of the words is said, cut into seconds: a folder of talk, music, a radio."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekws.audio import CLIP_SAMPLES, Preparation, fit, read, why_unreadable
from edgekws.corpus import SPLITS, Selection
from edgekws.corpus.folder import SUFFIXES, speaker_of, speaker_split
from edgekws.errors import UserError

_LONGEST_SECONDS = 86_400


@dataclass(frozen=True)
class Recording:
    """A file, the split that it belongs to as a whole, and how many whole seconds it has (one at least)."""

    path: Path
    name: str  # the folder's name and the path within
    split: str
    seconds: int
    size: int
    changed: int  # modification time, ns


def find(folders: Sequence[str], selection: Selection) -> list[Recording]:
    """The recordings in and under the folders, by name; a UserError for a folder that does not serve every split.

    A file's split is that of its name by the data set's own rule, SPEAKER_nohash_0.wav by its speaker's.
    """
    found: list[Recording] = []
    for folder in map(Path, folders):
        place = folder.expanduser()
        if not place.is_dir():
            raise UserError(f"data.unknown_from: {folder} is not a folder; expected one of recordings")
        paths = sorted(
            path
            for path in place.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        mine = [_recording(path, f"{place.name}/{path.relative_to(place).as_posix()}", selection) for path in paths]
        if missing := [name for name in SPLITS if name not in {one.split for one in mine}]:
            raise UserError(
                f"data.unknown_from: of {len(mine)} recordings in {folder} none is for {' or '.join(missing)}; "
                "a recording belongs to one split as a whole: add some, or cut long ones into several files"
            )
        found += mine
    return found


def seconds(recording: Recording) -> Iterator[tuple[np.ndarray, Preparation]]:
    """Its seconds one after the other, int16 (16000,), and what was done to each."""
    samples, done = read(recording.path)
    for i in range(recording.seconds):
        yield fit(samples[i * CLIP_SAMPLES : (i + 1) * CLIP_SAMPLES]), done


def _recording(path: Path, name: str, selection: Selection) -> Recording:
    import soundfile

    try:
        info, stat = soundfile.info(path), path.stat()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(why_unreadable(path, error)) from None
    speaker = speaker_of(path.stem) if "_nohash_" in path.stem else name
    split = speaker_split(speaker, selection.validation_percent, selection.testing_percent)
    whole = max(info.frames // info.samplerate, 1)
    if whole > _LONGEST_SECONDS:  # also what a header says that does not know
        raise UserError(f"{path} is longer than a day by its header, or that does not say; cut it, or write it again")
    return Recording(path, name, split, whole, stat.st_size, stat.st_mtime_ns)
