"""Collects the recordings of a shipped model again, by a list that names each recording and the seconds used.

The list is a CSV table with a row for each recording: its corpus, repository, commit, path, licence, speaker and split,
the folder it goes to (``speech``, or for a word ``wake/alexa``), and the seconds, such as ``0.00-3.60 5.20-9.00``.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edgekws import audio
from edgekws.audio import SAMPLE_RATE, Faults
from edgekws.corpus.clips import SPLITS
from edgekws.corpus.folder.splits import LISTS
from edgekws.corpus.other_sound import MINED
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write
from edgekws.guard import untrusted
from edgekws.progress import progress_bar

COLUMNS = ("corpus", "repository", "commit", "path", "licence", "speaker", "split", "folder", "seconds")
_FOLDER = re.compile(r"\w[\w .-]*(/\w[\w .-]*)?")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_REMEDY = "take the list that ships beside the model's card"


@dataclass(frozen=True)
class Listed:
    """A row of a list."""

    corpus: str
    repository: str
    path: str  # in the repository
    licence: str
    speaker: str
    split: str
    folder: str
    spans: tuple[tuple[float, float], ...]  # (start, end) in seconds of each part that was used


@dataclass(frozen=True)
class Collected:
    """What a collection found: recordings, files written, and how many recordings each source lacks."""

    found: int
    files: int
    missing: Mapping[str, int]


def read(path: Path) -> list[Listed]:
    """The rows of a list. Raises UserError for anything else, and names the row."""
    rows = []
    for number, cells in enumerate(untrusted.table(path, COLUMNS, _REMEDY), 2):
        where = f"{path}, row {number}"
        if cells["split"] not in SPLITS:
            raise UserError(f"{where}: split is {cells['split']!r}; expected training, validation or testing")
        if not _FOLDER.fullmatch(cells["folder"]):
            raise UserError(f"{where}: folder is {cells['folder']!r}; expected a name such as speech or wake/alexa")
        spans = [_SPAN.fullmatch(part) for part in cells["seconds"].split()]
        if not spans or not all(spans):
            raise UserError(f"{where}: seconds are {cells['seconds']!r}; expected 0.00-3.60 5.20-9.00")
        times = tuple((float(one[1]), float(one[2])) for one in spans if one)
        if any(start >= end for start, end in times):
            raise UserError(f"{where}: seconds are {cells['seconds']!r}; expected each to start before it ends")
        corpus, repository, _, place, licence, speaker, split, folder, _ = cells.values()
        rows.append(Listed(corpus, repository, place, licence, speaker, split, folder, times))
    return rows


def collect(rows: Sequence[Listed], places: Mapping[str, Path], out: Path) -> Collected:
    """Write the used seconds into OUT/FOLDER as WAV files, together with the lists that split them.

    places: a folder for each corpus or repository, by name. In a corpus a recording is found by its file name, in a
    repository by its path. Raises UserError if ``places`` has a name that is not in the list, or a folder is missing.
    OUT appears only when everything is written.
    """
    known = {name for row in rows for name in (row.corpus, row.repository)}
    if strange := sorted(set(places) - known):
        raise UserError(f"--from: the list has no source {strange[0]}; its sources are {', '.join(sorted(known))}")
    for name, place in places.items():
        if not place.is_dir():
            raise UserError(f"--from {name}: {place} is not a folder; expected the folder of {name}'s recordings")
    by_name = {name: _by_name(place) for name, place in places.items() if name in {row.corpus for row in rows}}
    missing: Counter[str] = Counter()
    written: Counter[str] = Counter()
    found, files = 0, []
    with atomic_folder(out) as folder, progress_bar("collecting", len(rows), unit="recording") as bar:
        for row in rows:
            if (path := _place(row, places, by_name)) is None:
                missing[row.repository] += 1
            else:
                found += 1
                speaker = "".join(c if c.isalnum() else "-" for c in row.speaker or PurePosixPath(row.path).stem)
                key = f"{row.folder}/{speaker}"
                (folder / row.folder).mkdir(parents=True, exist_ok=True)
                for start, end, samples in _cut(path, row.spans):
                    name = f"{key}_nohash_{written[key]}.wav"
                    written[key] += 1
                    (folder / name).write_bytes(audio.to_wav(samples))
                    files.append((row, name, start, end))
            bar.advance()
        _write_lists(folder, files)
    return Collected(found, len(files), missing)


def _by_name(place: Path) -> dict[str, Path]:
    return {path.stem: path for path in place.rglob("*") if path.is_file()}


def _place(row: Listed, places: Mapping[str, Path], by_name: Mapping[str, Mapping[str, Path]]) -> Path | None:
    if row.repository in places and (path := untrusted.inside(places[row.repository], row.path)):
        return path
    return by_name.get(row.corpus, {}).get(PurePosixPath(row.path).stem)


def _cut(path: Path, spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, np.ndarray]]:
    sound = np.concatenate([np.zeros(0, np.int16), *audio.blocks(path, Faults(), pipes=False)])
    for start, end in spans:
        samples = sound[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        if not len(samples):
            raise UserError(
                f"{path} ends before {start:.2f} s, but the list uses sound after that; it is another recording; get "
                "the one in the list"
            )
        yield start, end, samples


def _write_lists(out: Path, files: Sequence[tuple[Listed, str, float, float]]) -> None:
    """Write each folder's lists of validation and testing; or, if all is for training, the table of a mined folder."""
    for folder in {PurePosixPath(name).parts[0] for _, name, _, _ in files}:
        mine = [
            (row, PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix(), start, end)
            for row, name, start, end in files
            if PurePosixPath(name).parts[0] == folder
        ]
        if all(row.split == "training" for row, _, _, _ in mine):
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            table.writerow(("file", "from", "start", "end"))
            table.writerows((name, row.path, start, end) for row, name, start, end in mine)
            atomic_write(out / folder / MINED, text.getvalue())
            continue
        for split, name in LISTS.items():
            lines = [f"{file}\n" for row, file, _, _ in mine if row.split == split]
            atomic_write(out / folder / name, "".join(lines))
