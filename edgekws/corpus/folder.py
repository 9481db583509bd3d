"""A folder laid out as Speech Commands is: WORD/*.wav, perhaps lists of the splits, perhaps background noise."""

import difflib
import functools
import hashlib
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.corpus.clips import SPLITS, Clip, Noise, Selection
from edgekws.corpus.store import Plan
from edgekws.errors import UserError

NOISE_FOLDER = "_background_noise_"
LISTS = {"validation": "validation_list.txt", "testing": "testing_list.txt"}
_MAX_CLIPS_PER_WORD = 2**27 - 1  # the constant of the data set's rule
READABLE = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64"}
_UNREADABLE = {".m4a", ".mp4", ".aac", ".wma", ".webm", ".amr"}  # recordings still: an error, not passed over
SUFFIXES = READABLE | _UNREADABLE
_BATCH = 512  # clips read ahead of the one that is written: 16 MB


@dataclass(frozen=True)
class _Found:
    """A recording in a word's folder, before it has a split."""

    name: str
    word: str
    speaker: str
    size: int
    changed: int  # modification time, ns


def plan(folder: Path, words: Sequence[str], selection: Selection, *, source: str = "", licence: str = "") -> Plan:
    """Find the clips of `words` in `folder`, give each its split, and keep the training clips `selection` asks for.

    Splits: the folder's own lists where it has them, else `speaker_split`. `source` and `licence` describe the data
    where the caller knows more than the folder tells. Raises UserError for a folder that does not hold what is asked.
    """
    _check_folders(folder, words)
    found, not_audio = _find(folder, words)
    listed = _read_lists(folder)
    if listed is None:
        splits = [
            speaker_split(file.speaker, selection.validation_percent, selection.testing_percent) for file in found
        ]
        remedy = (
            "record more speakers (SPEAKER_nohash_0.wav; without _nohash_ each name is a speaker), or raise "
            f"validation_percent (now {selection.validation_percent:g}) "
            f"or testing_percent (now {selection.testing_percent:g})"
        )
    else:
        splits = [listed.get(file.name, "training") for file in found]
        remedy = f"add clips, or change {' and '.join(LISTS.values())} in {folder}"
    clips = [Clip(f.name, f.word, f.speaker, split) for f, split in zip(found, splits, strict=True)]
    _check_speakers(clips)
    _check_every_split(clips, words, remedy)
    names = {file.name for file in found}
    kept = _keep(clips, words, selection)
    used = {clip.name for clip in kept}
    return Plan(
        words=tuple(words),
        clips=kept,
        recordings=lambda: _read_all([folder / clip.name for clip in kept]),
        noise=functools.partial(_read_noise, folder),
        preparation=Preparation(
            left_out=len(clips) - len(kept),
            not_audio=not_audio,
            not_found=sum(name.split("/")[0] in words and name not in names for name in listed or ()),
        ),
        source=source or f"{folder} ({'its own lists' if listed else 'speakers'} split it)",
        licence=licence or _licence(found),
        settings=[
            str(folder.resolve()),
            [(file.size, file.changed) for file in found if file.name in used],
            [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _noise_files(folder)],
            source,
            licence,
        ],
    )


def speaker_of(stem: str) -> str:
    """Whose recording a file is by its name without suffix: SPEAKER_nohash_0, or a speaker of its own."""
    return re.sub("_nohash_.*$", "", stem)


def speaker_split(speaker: str, validation_percent: float, testing_percent: float) -> str:
    """The split of a speaker by the data set's own rule (`which_set` in its README): SHA-1 of the name as a percentage.

    A speaker stays where they are when other recordings come or go.
    """
    number = int(hashlib.sha1(os.fsencode(speaker)).hexdigest(), 16) % (_MAX_CLIPS_PER_WORD + 1)
    percent = number * (100.0 / _MAX_CLIPS_PER_WORD)
    if percent < validation_percent:
        return "validation"
    if percent < validation_percent + testing_percent:
        return "testing"
    return "training"


def _check_folders(folder: Path, words: Sequence[str]) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one with a folder of recordings for each word")
    with os.scandir(folder) as entries:
        there = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "_")))
    missing = [word for word in words if word not in there]
    if not missing:
        return
    near = difflib.get_close_matches(missing[0], there, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"the folders there are: {', '.join(there[:40]) or 'none'}"
    raise UserError(f"{folder} has no folder for {_listing(missing)}; {hint}")


def _find(folder: Path, words: Sequence[str]) -> tuple[list[_Found], int]:
    """The recordings in the words' folders, sorted by name, and the number of other files."""
    found, others = [], 0
    for word in words:
        with os.scandir(folder / word) as entries:
            for entry in entries:
                stem, suffix = os.path.splitext(entry.name)
                if entry.name.startswith(".") or not entry.is_file():
                    continue
                if suffix.lower() not in SUFFIXES:
                    others += 1
                    continue
                stat = entry.stat()
                found.append(_Found(f"{word}/{entry.name}", word, speaker_of(stem), stat.st_size, stat.st_mtime_ns))
    return sorted(found, key=lambda file: file.name), others


def _read_lists(folder: Path) -> dict[str, str] | None:
    """{clip name: split} of the folder's lists, None where it has none; what is in no list is for training."""
    there = [name for name in LISTS.values() if (folder / name).is_file()]
    if not there:
        return None
    if len(there) < len(LISTS):
        missing = next(name for name in LISTS.values() if name not in there)
        raise UserError(f"{folder} has {there[0]} but no {missing}; add it, or remove both to split by speaker")
    listed: dict[str, str] = {}
    for split, name in LISTS.items():
        try:
            lines = (folder / name).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{folder / name} cannot be read as text, one clip a line: {error}") from None
        for clip in filter(None, map(str.strip, lines)):
            if listed.setdefault(clip.replace("\\", "/"), split) != split:
                raise UserError(f"{clip} is in both {' and '.join(LISTS.values())} of {folder}; remove it from one")
    return listed


def _check_speakers(clips: Iterable[Clip]) -> None:
    """Speakers named as in Speech Commands must not be in two splits; other names need not mean a speaker."""
    where: dict[str, Clip] = {}
    for clip in clips:
        other = where.setdefault(clip.speaker, clip)
        if "_nohash_" in clip.name and other.split != clip.split:
            raise UserError(
                f"speaker {clip.speaker} is in two splits: {other.name} in {other.split}, {clip.name} in {clip.split}; "
                "put all clips of a speaker into one split, or the accuracy would be too good"
            )


def _check_every_split(clips: Iterable[Clip], words: Sequence[str], remedy: str) -> None:
    counts = Counter((clip.word, clip.split) for clip in clips)
    empty = defaultdict(list)
    for word in words:
        for split in SPLITS:
            if not counts[word, split]:
                empty[word].append(split)
    if empty:
        told = _listing([f"{word} ({', '.join(splits)})" for word, splits in empty.items()])
        raise UserError(f"every word needs clips in every split, but there are none of: {told}; {remedy}")


def _keep(clips: Sequence[Clip], words: Sequence[str], selection: Selection) -> tuple[Clip, ...]:
    """The clips by split, word and name; training clips beyond the selection's number are left out by its seed."""
    most = selection.clips_per_word
    groups: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.split, clip.word].append(clip)
    kept: list[Clip] = []
    for split in SPLITS:
        for word in words:
            group = groups[split, word]
            if split == "training" and 0 < most < len(group):
                drawn = set(random.Random(f"{selection.seed} {word}").sample(range(len(group)), most))
                group = [clip for index, clip in enumerate(group) if index in drawn]
            kept += group
    return tuple(kept)


def _read_all(paths: Sequence[Path]) -> Iterator[tuple[np.ndarray, Preparation]]:
    """Read clips in order, on all cores; every unreadable one is told in one UserError after the last."""
    errors: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), _BATCH):
            for result in pool.map(_try_read, paths[start : start + _BATCH]):
                if isinstance(result, str):
                    errors.append(result)
                else:
                    yield result
    if len(errors) == 1:
        raise UserError(errors[0])
    if errors:
        raise UserError(f"{len(errors)} recordings cannot be used: {_listing(errors, '; ')}")


def _try_read(path: Path) -> tuple[np.ndarray, Preparation] | str:
    try:
        return audio.read_clip(path)
    except UserError as error:
        return str(error)


def _noise_files(folder: Path) -> list[Path]:
    noise = folder / NOISE_FOLDER
    files = noise.iterdir() if noise.is_dir() else ()
    return sorted(f for f in files if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def _read_noise(folder: Path) -> Iterator[Noise]:
    for path in _noise_files(folder):
        yield Noise(f"{NOISE_FOLDER}/{path.name}", audio.read(path)[0])


def _licence(found: Sequence[_Found]) -> str:
    if all(re.fullmatch(r".*/[0-9a-f]{6,8}_nohash_\d+\.wav", file.name) for file in found):
        return (
            "The clips are named as those of Google Speech Commands (Pete Warden, arXiv:1804.03209), "
            "which is licensed CC BY 4.0; the folder itself says nothing."
        )
    return "Recordings of the user's own; whoever passes the model on states their licence."


def _listing(items: Sequence[str], separator: str = ", ", most: int = 5) -> str:
    shown = separator.join(items[:most])
    return shown if len(items) <= most else f"{shown}{separator}and {len(items) - most} more"
