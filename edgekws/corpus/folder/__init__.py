"""Plans a corpus from a folder laid out like Speech Commands: WORD/*.wav, perhaps with lists of splits and noise.

WORD/SPEAKER/*.wav also works. ``find`` finds the recordings, ``speakers`` says who speaks, and ``splits`` chooses the
split of each.
"""

import functools
import math
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgekws import audio, text
from edgekws.audio import Preparation
from edgekws.corpus.clips import SPLITS, Clip, Noise, Selection
from edgekws.corpus.folder import splits, takes
from edgekws.corpus.folder.find import SUFFIXES, Found, Holding, find, listing
from edgekws.corpus.folder.speakers import naming
from edgekws.corpus.folder.splits import Copies
from edgekws.corpus.folder.takes import Take
from edgekws.corpus.store import Plan
from edgekws.errors import UserError
from edgekws.guard import untrusted

NOISE_FOLDER = "_background_noise_"
OWN = "Recordings of the user's own; whoever passes the model on states their licence."  # the licence of a folder
_BATCH = 512  # recordings that are read ahead of writing: 16 MB and more
_CUT_FORMAT = 1  # increase it whenever cuts or parts change


def plan(
    folder: Path,
    words: Sequence[str],
    selection: Selection,
    *,
    copies: Copies = (),
    source: str = "",
    licence: str = "",
) -> Plan:
    """Find the clips of `words` in `folder`, give each a split, and keep as many training clips as `selection` allows.

    Splits come from ``selection.listed``, else from the folder's own lists, else from ``splits.by_rule``. ``copies``:
    groups of recordings, by name, with the same samples; a group must stay in one split. `source` and `licence`
    describe the data if the caller knows more than the folder says. Raises UserError if the folder lacks something.
    """
    holding = find(folder, words, naming(selection.speaker_pattern))
    _check_recordings(folder, words, holding)
    _check_pattern(holding, selection)
    found, kept_lists = holding.recordings, None
    where: Sequence[str] | None
    if selection.listed is not None:
        found = _of_list(folder, found, selection.listed)
        where = [selection.listed[file.name] for file in found]
    elif (kept_lists := splits.read_lists(folder)) is not None:
        where = splits.by_lists(found, kept_lists, copies)
    else:
        where = splits.by_rule(found, selection, copies)
    if where is None:
        raise UserError(_no_spread(folder, words, found, copies))
    clips = [Clip(f.name, f.word, f.speaker, split) for f, split in zip(found, where, strict=True) if split]
    if kept_lists is not None:
        _check_speakers(clips, selection)
        _check_every_split(folder, clips, words)
    kept = _keep(clips, words, selection)
    used, names = {clip.name for clip in kept}, {text.normal(file.path) for file in found}
    spoken, path = {text.normal(word) for word in words}, {file.name: file.path for file in found}
    noise = _noise_files(folder, selection)
    cut = takes.of(kept, selection)
    return Plan(
        words=tuple(words),
        clips=tuple(clip for take in cut for clip in take.clips),
        recordings=lambda: _read_all([(folder / path[take.clip.name], take) for take in cut], selection),
        noise=functools.partial(_read_noise, noise),
        preparation=Preparation(
            left_out=len(clips) - len(kept),
            copies_left_out=len(found) - len(clips),
            not_audio=sum(sum(counts.values()) for counts in holding.others.values()),
            not_found=sum(name.split("/")[0] in spoken and name not in names for name in kept_lists or ()),
        ),
        source=source or f"{folder} ({_who_split(clips, kept_lists is not None)} split it)",
        licence=licence or _licence(found),
        settings=[
            str(folder.resolve()),
            [(file.size, file.changed) for file in found if file.name in used],
            [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in noise],
            source,
            licence,
            *([_CUT_FORMAT, selection.seed] if selection.cuts or selection.parts else []),
        ],
        length=selection.length,
        ignored=len(holding.recordings) - len(found),
    )


def _of_list(folder: Path, found: Sequence[Found], listed: Iterable[str]) -> tuple[Found, ...]:
    """The recordings that a run began with; later ones are left out. A UserError if one is gone."""
    known = set(listed)
    there = tuple(file for file in found if file.name in known)
    gone = sorted({name for name in known if not name.startswith("_")} - {file.name for file in there})
    if gone:
        raise UserError(
            f"{folder}: {len(gone)} recordings that this run began with are gone: {listing(gone)}; bring them back, or "
            "give the folder where they are now by --data FOLDER"
        )
    return there


def _check_recordings(folder: Path, words: Sequence[str], holding: Holding) -> None:
    """A UserError that says, for each word without recordings, why it has none."""
    have = {file.word for file in holding.recordings}
    told = []
    for word in words:
        if word in have:
            continue
        others = holding.others.get(word)
        if not others:
            told.append(f"the folder of {word} is empty")
            continue
        kinds = listing([f"{n} {suffix or 'without suffix'}" for suffix, n in others.most_common()])
        example = holding.examples[word, others.most_common(1)[0][0]]
        told.append(
            f"none of the {sum(others.values())} files of {word} has the suffix of a recording ({kinds}; such as "
            f"{example}); convert them to WAV, FLAC, Ogg, MP3 or AIFF"
        )
    if told:
        raise UserError(f"{folder}: {listing(told, '; ')}")


def _check_pattern(holding: Holding, selection: Selection) -> None:
    if selection.speaker_pattern and not any(file.speaker for file in holding.recordings):
        raise UserError(
            f"data.speaker_pattern {selection.speaker_pattern!r} fits none of {len(holding.recordings)} recordings, "
            f"such as {holding.recordings[0].name}; expected one that fits their names without suffix"
        )


def _no_spread(folder: Path, words: Sequence[str], found: Sequence[Found], copies: Copies) -> str:
    """Why the recordings cannot be split with every word in every split, word by word."""
    again = {name for group in copies for name in sorted(group)[1:]}
    told = []
    for word in words:
        files = [file for file in found if file.word == word]
        others = sum(file.name in again for file in files)
        alike = f", {others} of them copies of others" if others else ""
        speakers = sorted({file.speaker or file.take for file in files})
        if len(files) - others < len(SPLITS):
            told.append(f"{word} has too few recordings: {len(files)}{alike}; it needs {len(SPLITS)} at least")
        elif len(speakers) < len(SPLITS):
            who = "one speaker" if len(speakers) == 1 else "two speakers"
            told.append(
                f"{word} is said by {who} only ({', '.join(speakers)}), and a speaker belongs to one split; it needs "
                f'{len(SPLITS)} speakers, or data.split_by = "take"'
            )
    why = listing(told, "; ") if told else (
        "no way of dividing the speakers was found; record more speakers, or set data.split_by = \"take\""
    )  # fmt: skip
    return f"{folder}: every word needs recordings for training, validation and testing: {why}"


def _who_split(clips: Sequence[Clip], lists: bool) -> str:
    if lists:
        return "its own lists"
    split = defaultdict(set)
    for clip in clips:
        split[clip.speaker].add(clip.split)
    return "takes" if any(len(found) > 1 for found in split.values()) else "speakers"


def _check_speakers(clips: Iterable[Clip], selection: Selection) -> None:
    """A UserError if the lists put a speaker into two splits, unless there is one speaker, or takes may be split."""
    where: dict[str, Clip] = {}
    named = {clip.speaker for clip in clips if clip.speaker}
    for clip in clips if len(named) > 1 and selection.split_by == "speaker" else ():
        other = where.setdefault(clip.speaker, clip)
        if clip.speaker and other.split != clip.split:
            raise UserError(
                f"speaker {clip.speaker} is in two splits: {other.name} in {other.split}, {clip.name} in {clip.split}; "
                "put all clips of a speaker into one split, or the accuracy would be too good (or set data.split_by = "
                '"take", and the run report says so)'
            )


def _check_every_split(folder: Path, clips: Iterable[Clip], words: Sequence[str]) -> None:
    """A UserError if the folder's lists leave a split without one of the words."""
    counts = Counter((clip.word, clip.split) for clip in clips)
    empty = {word: [split for split in SPLITS if not counts[word, split]] for word in words}
    if told := [f"{word} ({', '.join(none)})" for word, none in empty.items() if none]:
        raise UserError(
            f"every word needs clips in every split, but there are none of: {listing(told)}; add clips, or change "
            f"{' and '.join(splits.LISTS.values())} in {folder}"
        )


def _keep(clips: Sequence[Clip], words: Sequence[str], selection: Selection) -> tuple[Clip, ...]:
    """The clips by split, word and name. The seed chooses the training clips if the selection limits their number."""
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
    return _thinned(kept, selection) if selection.drawn_words else tuple(kept)


def _thinned(clips: Sequence[Clip], selection: Selection) -> tuple[Clip, ...]:
    """The clips with only a random choice of ``selection.drawn_words``: ``drawn_percent`` of a split's other clips."""
    left_out: set[str] = set()
    for split in SPLITS:
        names = [clip.name for clip in clips if clip.split == split and clip.word in selection.drawn_words]
        others = sum(clip.split == split for clip in clips) - len(names)
        wanted = min(math.ceil(others * selection.drawn_percent / 100), len(names))
        left_out |= set(random.Random(f"{selection.seed} {split} drawn").sample(names, len(names) - wanted))
    return tuple(clip for clip in clips if clip.name not in left_out)


def _read_all(files: Sequence[tuple[Path, Take]], selection: Selection) -> Iterator[tuple[np.ndarray, Preparation]]:
    """Read clips in order, on all cores. One UserError after the last names every unreadable one."""
    errors: list[str] = []

    def clips(file: tuple[Path, Take]) -> list[tuple[np.ndarray, Preparation]] | str:
        try:
            path, take = file
            samples, done = audio.read(path, most_seconds=audio.LONGEST_CLIP_SECONDS)
            return list(take.cut(samples, done, selection.length, selection.seed))
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), _BATCH):
            for result in pool.map(clips, files[start : start + _BATCH]):
                if isinstance(result, str):
                    errors.append(result)
                else:
                    yield from result
    if len(errors) == 1:
        raise UserError(errors[0])
    if errors:
        raise UserError(f"{len(errors)} recordings cannot be used: {listing(errors, '; ')}")


def _noise_files(folder: Path, selection: Selection) -> list[Path]:
    noise = folder / NOISE_FOLDER
    files = [f for f in noise.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != "."] if noise.is_dir() else []
    files = [f for f in files if untrusted.is_regular(f)]  # reading a pipe would wait forever
    return sorted(f for f in files if selection.listed is None or _noise_name(f) in selection.listed)


def _noise_name(path: Path) -> str:
    return f"{NOISE_FOLDER}/{text.shown(path.name)}"


def _read_noise(files: Sequence[Path]) -> Iterator[Noise]:
    for path in files:
        yield Noise(_noise_name(path), audio.read(path)[0])


def _licence(found: Sequence[Found]) -> str:
    if all(re.fullmatch(r".*/[0-9a-f]{6,8}_nohash_\d+\.wav", file.name) for file in found):
        return (
            "The clips are named as those of Google Speech Commands (Pete Warden, arXiv:1804.03209), "
            "which is licensed CC BY 4.0; the folder itself says nothing."
        )
    return OWN
