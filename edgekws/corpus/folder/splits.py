"""Chooses the split of each recording: by the folder's own lists, or by a rule that leaves no split empty."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from edgekws import text
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.corpus.folder.find import Found
from edgekws.errors import UserError

LISTS = {"validation": "validation_list.txt", "testing": "testing_list.txt"}
_MAX_CLIPS_PER_WORD = 2**27 - 1  # the constant of the data set's rule
_TRIES = 32  # orders to try; the first nearly always works
Copies = Sequence[Sequence[str]]  # names of recordings with the same samples


def speaker_split(speaker: str, validation_percent: float, testing_percent: float) -> str:
    """The split of a speaker by the data set's own rule (`which_set` in its README): SHA-1 of the name as a percentage.

    Speakers keep their split when other recordings come or go.
    """
    percent = _percent(speaker)
    if percent < validation_percent:
        return "validation"
    if percent < validation_percent + testing_percent:
        return "testing"
    return "training"


def read_lists(folder: Path) -> dict[str, str] | None:
    """{normalized name of a clip: split} from the folder's lists; None if it has none. Other clips are for training."""
    there = [name for name in LISTS.values() if (folder / name).is_file()]
    if not there:
        return None
    if len(there) < len(LISTS):
        missing = next(name for name in LISTS.values() if name not in there)
        raise UserError(f"{folder} has {there[0]} but no {missing}; add it, or remove both to split by speaker")
    listed: dict[str, str] = {}
    for split, name in LISTS.items():
        try:
            lines = text.read(folder / name).splitlines()
        except (OSError, UserError) as error:
            raise UserError(f"{folder / name} cannot be read as text, one clip a line: {error}") from None
        for clip in filter(None, map(str.strip, lines)):
            if listed.setdefault(text.normal(clip.replace("\\", "/")), split) != split:
                raise UserError(f"{clip} is in both {' and '.join(LISTS.values())} of {folder}; remove it from one")
    return listed


def by_lists(found: Sequence[Found], listed: Mapping[str, str], copies: Copies) -> list[str]:
    """The split of each recording by lists; "" if a later split has a copy of it, as that would make tests too easy."""
    split = {file.name: listed.get(text.normal(file.path), "training") for file in found}
    left_out: set[str] = set()
    for group in copies:
        there = [name for name in group if name in split]
        last = max((SPLITS.index(split[name]) for name in there), default=0)
        left_out |= {name for name in there if split[name] != SPLITS[last]}
    return ["" if file.name in left_out else split[file.name] for file in found]


def by_rule(found: Sequence[Found], selection: Selection, copies: Copies) -> list[str] | None:
    """The split of each recording by its speaker; or by its take, if nobody is named or only one or two people speak.

    Copies stay together. If the rule leaves a word without recordings in a split, the fewest speakers possible move,
    and the same recordings give the same result. None if no way has every word in every split.
    """
    speakers = {file.speaker for file in found if file.speaker}
    nameless = any(not file.speaker for file in found)
    alone = not nameless and len(speakers) < len(SPLITS)
    if selection.split_by == "speaker" and not alone:
        keys = [file.speaker or file.take for file in found]
    else:
        keys = [file.take for file in found]
    split = spread(_groups(found, keys, copies), selection)
    if split is None and (alone or not speakers or selection.split_by == "take"):  # the words' takes share their names
        split = spread(_groups(found, [file.name for file in found], copies), selection)
    return [split[file.name] for file in found] if split else None


def spread(groups: Mapping[str, Sequence[Found]], selection: Selection) -> dict[str, str] | None:
    """{name of a recording: split}, with no group divided and every word in every split; None if no way is found."""
    words = {key: frozenset(file.word for file in files) for key, files in groups.items()}
    for attempt in range(_TRIES):
        if (split := _spread(words, selection, f" {attempt}" if attempt else "")) is not None:
            return {file.name: split[key] for key, files in groups.items() for file in files}
    return None


def _spread(words: Mapping[str, Set[str]], selection: Selection, salt: str) -> dict[str, str] | None:
    """The rule's split of each key, after moves that fill empty splits. Keys nearest to the rule's border move."""
    shares = selection.validation_percent, selection.testing_percent
    split = {key: speaker_split(key + salt, *shares) for key in words}
    count = Counter((word, split[key]) for key, said in words.items() for word in said)
    order = sorted(words, key=lambda key: (_percent(key + salt), key))
    speakers = Counter(word for said in words.values() for word in said)
    for word in sorted(speakers, key=lambda word: (speakers[word], word)):
        for target in reversed(SPLITS):
            if count[word, target]:
                continue
            spare = (
                key for key in order
                if word in words[key] and all(count[other, split[key]] > 1 for other in words[key])
            )  # fmt: skip
            key = min(spare, key=lambda key: split[key] != "training", default=None)
            if key is None:
                return None
            count.subtract((other, split[key]) for other in words[key])
            split[key] = target
            count.update((other, target) for other in words[key])
    return split


def _groups(found: Sequence[Found], keys: Sequence[str], copies: Copies) -> dict[str, list[Found]]:
    """Group recordings that share a key or are copies of each other. A group is named by its first key."""
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    key_of = dict(zip((file.name for file in found), keys, strict=True))
    for group in copies:
        roots = sorted({root(key_of[name]) for name in group if name in key_of})
        for other in roots[1:]:
            parent[other] = roots[0]
    groups: dict[str, list[Found]] = {}
    for file in found:
        groups.setdefault(root(key_of[file.name]), []).append(file)
    return groups


def _percent(speaker: str) -> float:
    number = int(hashlib.sha1(os.fsencode(speaker)).hexdigest(), 16) % (_MAX_CLIPS_PER_WORD + 1)
    return number * (100.0 / _MAX_CLIPS_PER_WORD)
