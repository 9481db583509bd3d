"""Recordings of people who read, for those who have no talk of their own: laid out in the cache when named."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgekws.corpus.folder.splits import LISTS
from edgekws.corpus.supplied import download, included
from edgekws.corpus.supplied.download import Archive
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, cache_folder, only_one

NAMED = {
    "librispeech": Archive(
        url="https://www.openslr.org/resources/12/dev-clean.tar.gz",
        sha256="76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
        unpacked_bytes=360_000_000,
        title="LibriSpeech, dev-clean: 5.4 hours of 40 people who read books aloud (338 MB)",
        licence="LibriSpeech (Panayotov et al., ICASSP 2015), CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    )
}
_LICENCE = "LICENCE.txt"
_EVERY = 5  # of so many speakers, one is for validation and one for testing


def named(folder: str | Path) -> str:
    """``included.NAME`` or the name in NAMED that a folder is called by, if it is no folder here; else ""."""
    name = str(Path(folder))
    return name if name in (included.NAME, *NAMED) and not Path(folder).exists() else ""


def licence(name: str) -> str:
    """The licence of what ``named`` gives."""
    return included.LICENCE if name == included.NAME else NAMED[name].licence


def place(folder: str | Path, *, cache: Path | None = None, progress: bool = True) -> Path:
    """Where a folder is. What has a name of NAMED is downloaded once, into ``cache``; ``included.NAME`` is unpacked.

    It becomes a folder of SPEAKER_nohash_N.flac with transcripts.csv, lists that split it by speaker, and the licence.

    Raises:
        UserError: the download failed, or the archive is not laid out as it should be.
    """
    if not (name := named(folder)):
        return Path(folder).expanduser()
    cache = cache or cache_folder()
    return _unpacked(cache, progress) if name == included.NAME else _downloaded(name, cache, progress)


def _unpacked(cache: Path, progress: bool) -> Path:
    dest = cache / f"{included.NAME}-{included.version()}" / included.NAME
    if not dest.is_dir():
        with contextlib.suppress(FileExistsError), atomic_folder(dest) as made:  # where another process was faster
            included.unpack(made, progress=progress)
            atomic_write(made / _LICENCE, licence(included.NAME) + "\n")
    return dest


def _downloaded(name: str, cache: Path, progress: bool) -> Path:
    dest, unpacked = cache / name, cache / f"{name}-unpacked"
    if not dest.is_dir() or unpacked.is_dir():
        with only_one(cache / f"{name}.lock", f"the download of {name}"):
            if not dest.is_dir():
                download.fetch(NAMED[name], unpacked, progress=progress)
                with contextlib.suppress(FileExistsError), atomic_folder(dest) as made:  # where locks are not possible
                    _arrange(unpacked, made)
                    atomic_write(made / _LICENCE, licence(name) + "\n")
            shutil.rmtree(unpacked, ignore_errors=True)
    return dest


def _arrange(unpacked: Path, folder: Path) -> None:
    """Fill ``folder`` from LibriSpeech's own layout: SPEAKER/CHAPTER/SPEAKER-CHAPTER-N.flac and a .trans.txt."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
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
