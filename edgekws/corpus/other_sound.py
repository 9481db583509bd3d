"""Cuts recordings without the words, of any length, into seconds: folders of talk, music or radio."""

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
from edgekws.corpus.folder.find import recordings
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.corpus.folder.splits import read_lists, speaker_split
from edgekws.corpus.supplied import talk
from edgekws.errors import UserError
from edgekws.files import folder_name, sha256
from edgekws.text import normal, shown

MINED = "mined.csv"  # marks a folder from `edgekws mine`: all of it is for training
_LONGEST_SECONDS = 86_400


@dataclass(frozen=True)
class Recording:
    """A file, its one split, and where its seconds without the words begin."""

    path: Path
    name: str  # the folder's name, and the path in it
    speaker: str  # by a file's name SPEAKER_nohash_0.wav; else the name
    split: str
    seconds: int  # whole seconds, at least one
    starts: tuple[int, ...]  # in samples at 16 kHz; a second that follows another begins at its end
    done: Preparation  # without clips, and without what only reading shows
    length: int = CLIP_SAMPLES  # samples of a "second", which becomes one clip

    @property
    def clips(self) -> Iterator[Clip]:
        """Its seconds in order. The numbering has a gap if a second does not follow the one before."""
        number = 0
        for i, start in enumerate(self.starts):
            number += 1 + (i > 0 and start != self.starts[i - 1] + self.length)
            yield Clip(f"{UNKNOWN}/{self.name}/{number - 1:05}", UNKNOWN, self.speaker, self.split)

    @property
    def identity(self) -> tuple[str, str, tuple[int, ...]]:
        """Everything that its seconds depend on; its place is not part of it."""
        return self.name, sha256(self.path), self.starts


def find(
    folders: Sequence[str],
    selection: Selection,
    known: Mapping[str, str],
    words: Sequence[str] = (),
) -> list[Recording]:
    """The recordings in and below the folders, by name.

    A folder's own lists (validation_list.txt and testing_list.txt, a recording a line) give the splits. Without lists,
    the data set's own rule does, by the speaker's name if a file is called SPEAKER_nohash_0.wav, else by the file's
    name. ``known``: the words' speakers with their splits, which they keep. Mined clips are for training. If a table
    says what is said in a folder, everything that sounds like one of ``words`` is cut out. A recording is left out if a
    later split has a copy of it. Raises UserError for a folder that is missing or does not serve every split, for lists
    that divide a speaker, and for recordings that would come twice.
    """
    _check_apart(folders)
    found: list[Recording] = []
    judging: dict[str, list[str]] = {}  # folder as given → names of its recordings; without mined folders
    for folder in folders:
        place = talk.place(folder)
        if not place.is_dir():
            raise UserError(
                f"data.unknown_from: {folder} is not a folder; expected one of recordings. If it has moved, give its "
                "place in the recipe or by --set 'data.unknown_from=[\"PLACE\"]', for check and tune of a run by "
                "--unknown-from PLACE"
            )
        paths = recordings(place)
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
                f"data.unknown_from: none of the {len(names)} recordings in {folder} is for {' or '.join(missing)}; a "
                "whole recording is in one split: add some, or cut long ones into several files"
            )
    return found


def _without_copies(found: Sequence[Recording]) -> list[Recording]:
    """The same without files that are, byte for byte, equal to one in a later split."""
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
    """Its seconds in order, int16 (length,) each. The last comes with what was done to the recording.

    Memory does not grow with the length. Raises UserError if it cannot be read, is cut off, or has samples that are not
    finite.
    """
    faults, waiting, place, count = audio.Faults(), np.zeros(0, np.int16), 0, 0  # place: where ``waiting`` begins
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
    """Those of the samples, which begin at ``place``, that belong to the second from ``start`` on, and their place."""
    first = min(max(start - place, 0), len(waiting))
    return waiting[first : max(start + length - place, 0)], place + first


def continued(clips: Sequence[Clip]) -> np.ndarray:
    """Which clips continue in the next one, bool (n,): consecutive seconds of one recording."""
    names = [(clip.name.rpartition("/"), holds(clip)) for clip in clips]
    found = np.zeros(len(clips), bool)
    for i, (((folder, _, one), mine), ((after, _, other), _)) in enumerate(itertools.pairwise(names)):
        found[i] = mine and folder == after and int(other) == int(one) + 1
    return found


def holds(clip: Clip) -> bool:
    """Whether a clip is a second of other sound."""
    return clip.name.startswith(f"{UNKNOWN}/") and clip.name.count("/") > 1


def folder_of(clip: Clip) -> str:
    """The name of the folder that a second of other sound comes from."""
    return clip.name.split("/")[1]


def source(words: str, folders: Sequence[str]) -> str:
    """A text with the source of the words, and the names of these folders."""
    return f"{words}; of no word, second by second: the recordings in {_names(folders)}" if folders else words


def licence(words: str, folders: Sequence[str]) -> str:
    """A text with the licence of the words, those of talk that is supplied, and who must state the others'."""
    own = [folder for folder in folders if not talk.named(folder)]
    more = [f"{talk.licence(name)}." for name in map(talk.named, folders) if name]
    if own:
        more.append(
            f"The recordings in {_names(own)} are the user's own; whoever passes the model on states their licence."
        )
    return " ".join([words, *more]).strip()


def _names(folders: Sequence[str]) -> str:
    return ", ".join(map(folder_name, folders))


def _check_apart(folders: Sequence[str]) -> None:
    """A UserError if folders share recordings, which could then be in two splits, or a name, which their clips have."""
    for one, other in itertools.combinations(folders, 2):
        a, b = (Path(folder).expanduser().resolve() for folder in (one, other))
        supplied = talk.named(one) or talk.named(other)  # is in the cache, and need not be there yet
        if not supplied and (a.is_relative_to(b) or b.is_relative_to(a)):
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
    """A UserError if a speaker is in two splits, which would make a test too easy."""
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
        raise UserError(f"{path} is longer than a day; cut it into shorter files")
    if text:
        spans = text.spans(samples / SAMPLE_RATE, taken)
        starts = [
            round(a * SAMPLE_RATE) + length * i for a, b in spans for i in range(int((b - a) * SAMPLE_RATE) // length)
        ]
    else:
        starts = [length * i for i in range(max(samples // length, 1))]
    padded = Preparation(padded=int(samples < length))
    return Recording(path, name, speaker, split, max(whole, 1), tuple(starts), padded, length)
