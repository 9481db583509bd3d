"""Recordings of any length in which none of the words is said, cut into seconds: a folder of talk, music, a radio."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE, Preparation, fit
from edgekws.corpus import transcripts
from edgekws.corpus.clips import SPLITS, UNKNOWN, Clip, Selection
from edgekws.corpus.folder.find import SUFFIXES
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.corpus.folder.splits import read_lists, speaker_split
from edgekws.errors import UserError
from edgekws.files import folder_name, sha256
from edgekws.text import normal, shown

MINED = "mined.csv"  # in a folder that `edgekws mine` made: all of it is for training
_LONGEST_SECONDS = 86_400


@dataclass(frozen=True)
class Recording:
    """A file, the split that it belongs to as a whole, and where its seconds without words begin."""

    path: Path
    name: str  # the folder's name and the path within
    speaker: str  # of SPEAKER_nohash_0.wav; else the name
    split: str
    seconds: int  # whole ones, one at least
    starts: tuple[int, ...]  # of its seconds, in samples at 16 kHz; a second that follows another begins where it ends
    done: Preparation  # to the recording as a whole, but for what only reading it tells; no clips
    length: int = CLIP_SAMPLES  # of a "second": what a clip holds

    @property
    def clips(self) -> Iterator[Clip]:
        """Its seconds one after the other; a number is left out where the next second does not follow."""
        number = 0
        for i, start in enumerate(self.starts):
            number += 1 + (i > 0 and start != self.starts[i - 1] + self.length)
            yield Clip(f"{UNKNOWN}/{self.name}/{number - 1:05}", UNKNOWN, self.speaker, self.split)

    @property
    def identity(self) -> tuple[str, str, tuple[int, ...]]:
        """What its seconds depend on, wherever it lies."""
        return self.name, sha256(self.path), self.starts


def find(
    folders: Sequence[str],
    selection: Selection,
    known: Mapping[str, str],
    words: Sequence[str] = (),
) -> list[Recording]:
    """The recordings in and under the folders, by name.

    A folder's own lists (validation_list.txt and testing_list.txt, a recording a line) say which split a recording is
    for. Without them it is that of its name by the data set's own rule, SPEAKER_nohash_0.wav by its speaker's.
    ``known``: speakers of the words and their splits, where they stay. What was mined is for training. Where a table
    says what is said in a folder, what sounds like one of ``words`` is cut out. A copy of a recording of a later split
    is left out. Raises UserError for a folder that is not there, does not serve every split, whose lists divide a
    speaker, or whose recordings would come twice.
    """
    _check_apart(folders)
    found: list[Recording] = []
    judging: dict[str, list[str]] = {}  # by the folder as it was given, the names of its recordings; not of a mined one
    for folder in folders:
        place = Path(folder).expanduser()
        if not place.is_dir():
            raise UserError(
                f"data.unknown_from: {folder} is not a folder; expected one of recordings. If it has moved, give its "
                "place in the recipe or by --set 'data.unknown_from=[\"PLACE\"]', for check and tune of a run by "
                "--unknown-from PLACE"
            )
        paths = sorted(
            path
            for path in place.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        name = folder_name(folder)
        if selection.listed is not None:
            listed = {clip.rpartition("/")[0] for clip in selection.listed}
            paths = [p for p in paths if f"{UNKNOWN}/{name}/{shown(p.relative_to(place).as_posix())}" in listed]
        texts = transcripts.of_folder(place)
        taken = transcripts.alike(words, texts.values())
        mine = []
        for path in paths:
            text = texts.get(path.name)
            one = _recording(path, f"{name}/{shown(path.relative_to(place).as_posix())}", selection, known, text, taken)
            if one.starts:
                mine.append(one)
        if (place / MINED).is_file():
            found += [replace(one, split="training") for one in mine]
            continue
        if (listed_here := read_lists(place)) is not None:
            mine = [_by_list(one, name, place, listed_here, known) for one in mine]
            _check_whole(mine, place)
        judging[folder] = [one.name for one in mine]
        found += mine
    if selection.listed is None:
        found = _without_copies(found)
    split = {one.name: one.split for one in found}
    for folder, names in judging.items():
        if missing := [name for name in SPLITS if name not in {split.get(one) for one in names}]:
            raise UserError(
                f"data.unknown_from: of {len(names)} recordings in {folder} none is for {' or '.join(missing)}; "
                "a recording belongs to one split as a whole: add some, or cut long ones into several files"
            )
    return found


def _without_copies(found: Sequence[Recording]) -> list[Recording]:
    """The same, but for files that are, byte for byte, one of a later split, as with a folder's own lists."""
    alike: dict[tuple[int, str], list[Recording]] = {}
    sizes = Counter(one.path.stat().st_size for one in found)
    for one in found:
        if sizes[size := one.path.stat().st_size] > 1:
            alike.setdefault((size, sha256(one.path)), []).append(one)
    left_out: set[str] = set()
    kept: dict[str, int] = {}
    for group in alike.values():
        first = max(group, key=lambda one: SPLITS.index(one.split))
        others = {one.name for one in group if one.split != first.split}
        left_out |= others
        kept[first.name] = len(others)
    return [
        replace(one, done=one.done + Preparation(copies_left_out=kept.get(one.name, 0)))
        for one in found
        if one.name not in left_out
    ]


def seconds(recording: Recording) -> Iterator[tuple[np.ndarray, Preparation]]:
    """Its seconds one after the other, int16 (length,); what was done to the recording comes with the last.

    Memory does not grow with the length. Raises UserError for anything but a whole, readable, finite recording.
    """
    faults, waiting, place, count = audio.Faults(), np.zeros(0, np.int16), 0, 0  # place: of the first sample that waits
    left, length = list(recording.starts), recording.length
    for block in audio.blocks(recording.path, faults, pipes=False):
        waiting, count = np.concatenate([waiting, block]), count + len(block)
        while len(left) > 1 and place + len(waiting) >= left[0] + length:
            start = left.pop(0) - place
            yield waiting[start : start + length], Preparation(clips=1)
            waiting, place = waiting[start + length :], place + start + length
        if len(left) == 1:
            waiting, place = _within(waiting, place, left[0], length)
    if faults.not_finite:
        raise UserError(f"{recording.path} holds samples that are not numbers (NaN or infinity); export it again or "
                        "remove it")  # fmt: skip
    if count >= (recording.seconds + 1) * SAMPLE_RATE:
        raise UserError(f"{recording.path} is longer than its header says; write it again, or cut it into two files")
    if len(left) > 1:
        raise UserError(f"{recording.path} became shorter while it was read; run this again when nothing writes to it")
    yield fit(waiting, length), recording.done + audio.done_to(faults)


def _within(waiting: np.ndarray, place: int, start: int, length: int) -> tuple[np.ndarray, int]:
    """Of the samples that begin at ``place`` those of the second from ``start`` on, and where they begin."""
    first = min(max(start - place, 0), len(waiting))
    return waiting[first : max(start + length - place, 0)], place + first


def continued(clips: Sequence[Clip]) -> np.ndarray:
    """Which clips go on in the next one, bool (n,): seconds of one recording that follow each other."""
    names = [(clip.name.rpartition("/"), holds(clip)) for clip in clips]
    found = np.zeros(len(clips), bool)
    for i, (((folder, _, one), mine), ((after, _, other), _)) in enumerate(itertools.pairwise(names)):
        found[i] = mine and folder == after and int(other) == int(one) + 1
    return found


def holds(clip: Clip) -> bool:
    """Whether a clip is a second of such a recording."""
    return clip.name.startswith(f"{UNKNOWN}/") and clip.name.count("/") > 1


def folder_of(clip: Clip) -> str:
    """The name of the folder that such a second is from."""
    return clip.name.split("/")[1]


def source(words: str, folders: Sequence[str]) -> str:
    """The source of the words, and these folders, by their names alone."""
    return f"{words}; of no word, second by second: the recordings in {_names(folders)}" if folders else words


def licence(words: str, folders: Sequence[str]) -> str:
    """The licence of the words, and whose concern that of these folders is."""
    more = f"The recordings in {_names(folders)} are the user's own; whoever passes the model on states their licence."
    return f"{words} {more}" if folders else words


def _names(folders: Sequence[str]) -> str:
    return ", ".join(map(folder_name, folders))


def _check_apart(folders: Sequence[str]) -> None:
    """Clips are named by the folder's name, and a recording that came twice could be in two splits."""
    for one, other in itertools.combinations(folders, 2):
        a, b = (Path(folder).expanduser().resolve() for folder in (one, other))
        if a.is_relative_to(b) or b.is_relative_to(a):
            raise UserError(f"data.unknown_from: {one} and {other} hold the same recordings; leave one of them out")
        if folder_name(one) == folder_name(other):
            raise UserError(
                f"data.unknown_from: {one} and {other} are both called {folder_name(one)}, and so would their clips "
                "be; expected folders of different names: rename one"
            )


def _by_list(
    one: Recording, folder: str, place: Path, listed: Mapping[str, str], known: Mapping[str, str]
) -> Recording:
    split = listed.get(normal(one.name.removeprefix(f"{folder}/")), "training")
    if (other := known.get(one.speaker, split)) != split:
        raise UserError(
            f"{place}: {one.path.name} is listed for {split}, but its speaker {one.speaker} says words of {other}; "
            f"expected one split a speaker: list it for {other}, or remove it"
        )
    return replace(one, split=split)


def _check_whole(recordings: Sequence[Recording], place: Path) -> None:
    """A speaker in two splits would make a test too easy."""
    split: dict[str, str] = {}
    for one in recordings:
        if split.setdefault(one.speaker, one.split) != one.split:
            raise UserError(
                f"{place}: the lists put {one.speaker} into {split[one.speaker]} and {one.split}; "
                "expected one split a speaker: list all recordings of a speaker in the same list"
            )


def _recording(
    path: Path,
    name: str,
    selection: Selection,
    known: Mapping[str, str],
    text: transcripts.Transcript | None = None,
    taken: Collection[str] = (),
) -> Recording:
    samples = audio.length(path)
    whole, length = samples // SAMPLE_RATE, selection.length
    speaker = speaker_of(path.stem) if "_nohash_" in path.stem else name
    split = known.get(speaker) or speaker_split(speaker, selection.validation_percent, selection.testing_percent)
    if whole > _LONGEST_SECONDS:
        raise UserError(f"{path} is longer than a day; cut it")
    if text:
        spans = text.spans(samples / SAMPLE_RATE, taken)
        starts = [
            round(a * SAMPLE_RATE) + length * i for a, b in spans for i in range(int((b - a) * SAMPLE_RATE) // length)
        ]
    else:
        starts = [length * i for i in range(max(samples // length, 1))]
    padded = Preparation(padded=int(samples < length))
    return Recording(path, name, speaker, split, max(whole, 1), tuple(starts), padded, length)
