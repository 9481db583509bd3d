"""Finds the recordings in a folder of words, and counts the other files."""

from __future__ import annotations

import difflib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekws import text
from edgekws.corpus.folder.speakers import Naming
from edgekws.errors import UserError

READABLE = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64"}
_UNREADABLE = {  # these are recordings: an error, not skipped
    *(".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr", ".3gp", ".3ga", ".mka", ".mkv", ".mov"),
}
SUFFIXES = READABLE | _UNREADABLE


@dataclass(frozen=True)
class Found:
    """A recording in a word's folder, which has no split yet."""

    path: str  # in the folder, with /, as the file system has it
    word: str
    speaker: str  # "" where nothing says who speaks
    size: int
    changed: int  # modification time, ns

    @property
    def name(self) -> str:
        """The path as text."""
        return text.shown(self.path)

    @property
    def take(self) -> str:
        """The name without folders and suffix. Recordings with the same name were made on one occasion."""
        return os.path.splitext(self.name.rpartition("/")[2])[0]


@dataclass(frozen=True)
class Holding:
    """A folder's recordings; and for each word's other files, how many by suffix ("": no suffix), and an example."""

    recordings: tuple[Found, ...]
    others: Mapping[str, Counter[str]]
    examples: Mapping[tuple[str, str], str]


def find(folder: Path, words: Sequence[str], naming: Naming) -> Holding:
    """The recordings in and below the words' folders. A UserError if a word has no folder.

    A folder's name may use composed or decomposed Unicode, or Latin-1. Files whose names begin with a dot are skipped.
    """
    places = _places(folder, words)
    found: list[Found] = []
    others: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[tuple[str, str], str] = {}
    for word in words:
        for place in places[word]:
            for name, entry in _files(folder / place, place, ()):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() not in SUFFIXES:
                    others[word][suffix.lower()] += 1
                    examples.setdefault((word, suffix.lower()), name)
                    continue
                stat = entry.stat()
                speaker = text.normal(naming(stem))
                found.append(Found(name, word, speaker, stat.st_size, stat.st_mtime_ns))
    return Holding(tuple(sorted(found, key=lambda file: file.name)), others, examples)


def recordings(folder: Path) -> list[Path]:
    """All recordings in a folder and its subfolders by their suffix, sorted, without hidden files."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def listing(items: Sequence[str], separator: str = ", ", most: int = 5) -> str:
    """The first few items as text, and how many more there are."""
    shown = separator.join(items[:most])
    return shown if len(items) <= most else f"{shown}{separator}and {len(items) - most} more"


def words_in(folder: Path) -> list[str]:
    """The names of a folder's folders that may have a word's recordings, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is(entry.is_dir) and not entry.name.startswith((".", "_")))


def _places(folder: Path, words: Sequence[str]) -> dict[str, list[str]]:
    """The folders of each word. There are several if one name is composed Unicode and another decomposed."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with a folder of recordings for each word")
    there: dict[str, list[str]] = defaultdict(list)
    for name in words_in(folder):
        there[text.normal(name)].append(name)
    missing = [word for word in words if text.normal(word) not in there]
    if missing:
        near = difflib.get_close_matches(missing[0], there, 1)
        hint = (
            f"did you mean {near[0]!r}?"
            if near
            else f"the folders there are: {listing(list(there), most=40) or 'none'}"
        )
        raise UserError(f"{folder} has no folder for {listing(missing)}; {hint}")
    return {word: there[text.normal(word)] for word in words}


def _files(place: Path, name: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The regular files in and below a folder, with their paths. A link back to a folder above is not followed."""
    status = os.stat(place)
    if (here := (status.st_dev, status.st_ino)) in above:
        return
    with os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if _is(entry.is_dir):
                yield from _files(place / entry.name, f"{name}/{entry.name}", (*above, here))
            elif _is(entry.is_file):
                yield f"{name}/{entry.name}", entry


def _is(question: object) -> bool:
    try:
        return bool(question())  # type: ignore[operator]
    except OSError:  # a link to itself
        return False
