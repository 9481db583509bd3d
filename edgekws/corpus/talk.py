"""Recordings of people reading aloud, for those who have no talk of their own: downloaded when they are named."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgekws.corpus import download
from edgekws.corpus.download import Archive
from edgekws.corpus.folder.splits import LISTS
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, cache_folder

NAMED = {
    "librispeech": Archive(
        url="https://www.openslr.org/resources/12/dev-clean.tar.gz",
        sha256="76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        unpacked_bytes=360_000_000,
        title="LibriSpeech, dev-clean: 5.4 hours of 40 people who read books aloud (338 MB)",
        licence="LibriSpeech (Panayotov et al., ICASSP 2015), CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    )
}
_EVERY = 5  # of so many speakers, one is for validation and one for testing


def folders(named: Sequence[str | Path], *, cache: Path | None = None, progress: bool = True) -> list[Path]:
    """The folders as given. A name of NAMED that is no folder here is downloaded once, into ``cache``.

    Raises:
        UserError: the download failed, or the archive is not laid out as it should be.
    """
    return [
        _downloaded(str(one), cache or cache_folder(), progress)
        if str(one) in NAMED and not Path(one).exists()
        else Path(one)
        for one in named
    ]


def _downloaded(name: str, cache: Path, progress: bool) -> Path:
    """``cache/name``: SPEAKER_nohash_CHAPTER-N.flac, transcripts.csv, lists that split by speaker, and the licence."""
    dest, archive = cache / name, NAMED[name]
    unpacked = cache / f"{name}-unpacked"
    if not dest.is_dir():
        if progress:
            print(f"{name}: {archive.title}", flush=True)
        download.fetch(archive, unpacked, progress=progress)
        with contextlib.suppress(FileExistsError), atomic_folder(dest) as folder:  # another process may be quicker
            _arrange(unpacked, folder)
            atomic_write(folder / "LICENCE.txt", archive.licence + "\n")
    shutil.rmtree(unpacked, ignore_errors=True)
    return dest


def _arrange(unpacked: Path, folder: Path) -> None:
    """Fill ``folder`` from LibriSpeech's own layout: SPEAKER/CHAPTER/SPEAKER-CHAPTER-N.flac and a .trans.txt."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["file", "transcript"])
    found: dict[str, list[str]] = {}  # by speaker
    for recording, text in sorted(_read(unpacked)):
        speaker, _, rest = recording.stem.partition("-")
        name = f"{speaker}_nohash_{rest}{recording.suffix}"
        _copy(recording, folder / name)
        rows.writerow([name, text])
        found.setdefault(speaker, []).append(name)
    if len(found) < _EVERY:
        raise UserError(
            f"{unpacked} has recordings of {len(found)} speakers in LibriSpeech's layout, expected {_EVERY} or more; "
            "remove it and try again"
        )
    atomic_write(folder / "transcripts.csv", table.getvalue())
    for place, file in enumerate(LISTS.values()):
        chosen = [name for i, speaker in enumerate(sorted(found)) if i % _EVERY == place for name in found[speaker]]
        atomic_write(folder / file, "".join(f"{name}\n" for name in chosen))


def _read(unpacked: Path) -> Iterator[tuple[Path, str]]:
    """Each recording of which the text is there, and the text in lower case."""
    for texts in unpacked.rglob("*.trans.txt"):
        for line in texts.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(" ")
            recording = texts.with_name(f"{name}.flac")
            if recording.is_file():
                yield recording, text.lower()


def _copy(source: Path, dest: Path) -> None:
    try:
        os.link(source, dest)  # on the same disk it needs no room
    except OSError:
        shutil.copyfile(source, dest)
